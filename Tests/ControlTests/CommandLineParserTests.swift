import Testing

@testable import Control

@Suite struct CommandLineParserTests {
  @Test(
    arguments: [
      ("", []),
      ("   \t ", []),
      ("show info", [["show", "info"]]),
      ("  show \t info \r", [["show", "info"]]),
      ("show info;show stat", [["show", "info"], ["show", "stat"]]),
      (";; show info ;", [["show", "info"]]),
      ("set x a\\;b", [["set", "x", "a;b"]]),
      ("set x a\\ b", [["set", "x", "a b"]]),
      ("set x a\\\\;y", [["set", "x", "a\\"], ["y"]]),
      ("set x \\", [["set", "x"]]),
      ("größe \\ü", [["größe", "ü"]]),
    ] as [(String, [[String]])])
  func takesALineApart(line: String, commands: [[String]]) {
    #expect(CommandLineParser.commands(in: line) == commands)
  }

  @Test func givesLinesOutOnlyOnceTheyAreWhole() {
    var buffer = LineBuffer()
    buffer.append("show in".utf8)
    #expect(buffer.next() == nil)
    buffer.append("fo\r\nhelp\nqu".utf8)
    #expect(buffer.next() == .line("show info"))
    #expect(buffer.next() == .line("help"))
    #expect(buffer.next() == nil)
  }

  @Test func takesLinesUpToTheLimitAndNoLonger() {
    var buffer = LineBuffer()
    let longest = String(repeating: "x", count: LineBuffer.limit)
    buffer.append((longest + "\n").utf8)
    #expect(buffer.next() == .line(longest))
    buffer.append((longest + "x\n").utf8)
    #expect(buffer.next() == .tooLong)
    var endless = LineBuffer()
    endless.append((longest + "x").utf8)
    #expect(endless.next() == .tooLong, "a line without an end is found too long before it ends")
  }
}
