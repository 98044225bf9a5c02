import Testing

@testable import Wire

@Suite struct CloseFrameTests {
  @Test func hasTheBytesOfTheStandard() {
    #expect(
      CloseFrame.encode(code: CloseFrame.tryAgainLater, reason: "full") == [0x88, 6, 0x03, 0xf5]
        + bytes("full"))
    #expect(CloseFrame.encode(code: CloseFrame.serviceRestart) == [0x88, 2, 0x03, 0xf4])
    #expect(CloseFrame.encode(code: CloseFrame.goingAway) == [0x88, 2, 0x03, 0xe9])
  }

  @Test func cutsTheReasonBetweenCharacters() {
    let exact = String(repeating: "a", count: 123)
    #expect(CloseFrame.encode(code: 1013, reason: exact + "b") == [0x88, 125, 3, 0xf5] + bytes(exact))
    let two = CloseFrame.encode(code: 1013, reason: String(repeating: "\u{e9}", count: 100))
    #expect(two.count == 4 + 122 && two[1] == 124)
    let four = CloseFrame.encode(code: 1013, reason: String(repeating: "\u{1f30a}", count: 100))
    #expect(four.count == 4 + 120)
  }

  @Test(arguments: ["30", "{}", " [1]", "\"a\"", "-1", "true", " null ", "false"])
  func neverSendsAReasonThatIsJSON(_ reason: String) {
    let frame = CloseFrame.encode(code: 1013, reason: reason)
    #expect(text(frame[4...]) == "closed: " + reason)
  }

  @Test(arguments: ["nullify", "try again later", "trueness", ""])
  func leavesOtherReasonsAlone(_ reason: String) {
    #expect(text(CloseFrame.encode(code: 1013, reason: reason)[4...]) == reason)
  }
}
