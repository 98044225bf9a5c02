import Testing

@testable import Wire

@Suite struct RefusalTests {
  @Test func saysWhenToComeAgain() {
    let expected = """
      HTTP/1.1 503 Service Unavailable\r\nRetry-After: 17\r\nConnection: close\r\nContent-Length: 0\r\n\
      Cache-Control: no-store\r\n\r\n
      """
    #expect(text(Refusal.serviceUnavailable.bytes(retryAfterSeconds: 17)) == expected)
  }

  @Test func saysWhatToUpgradeTo() {
    let answer = text(Refusal.upgradeRequired.bytes())
    #expect(answer.hasPrefix("HTTP/1.1 426 Upgrade Required\r\n"))
    #expect(
      answer.contains("\r\nUpgrade: websocket\r\n") && answer.contains("\r\nSec-WebSocket-Version: 13\r\n"))
  }

  @Test(arguments: Refusal.allCases)
  func makesAResponseThatIsOne(_ refusal: Refusal) throws {
    let raw = refusal.bytes()
    let head = try ResponseHead.parse(raw.span, to: .upgrade).get()
    #expect(head.status == refusal.status && head.body == .length(0) && head.length == raw.count)
    #expect(text(raw).contains("close\r\n"))
  }

  @Test(arguments: HeadError.allCases)
  func hasAnAnswerToEveryError(_ error: HeadError) {
    #expect(Refusal(error).status == error.status)
    #expect(!error.reason.isEmpty && !error.reason.contains("\n"))
  }
}
