import Basics
import Foundation
import Settings
import Testing

/// Whatever is done to a good file, it is settings or errors with a place in it: never a trap.
@Suite struct MutationTests {
  private static let seed = UInt64.random(in: 0...UInt64.max)

  private static let original: [Unicode.Scalar] = {
    let folder = URL(filePath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let text = try? String(contentsOf: folder.appending(path: "conf/websocket.yaml"), encoding: .utf8)
    // Without the comments more of the mutations hit something.
    let lines = (text ?? Samples.small).split(separator: "\n").filter {
      !$0.drop { $0 == " " }.hasPrefix("#")
    }
    return Array(lines.joined(separator: "\n").unicodeScalars)
  }()

  private static let fragments: [String] = [
    ":", "-", " ", "\n", "\t", "\"", "'", "[", "]", "{", "}", "#", "&a ", "*a", "!!int ", "|", ">", "%", "\0",
    "\u{7f}", "\u{1F30A}", "e\u{301}", "9223372036854775807", "-1", "1_0", "99999999999999999999d", "~",
    "null", "<<: *a\n", "? ", "---\n", "\r\n", "\u{e000}", "name: ", "pool", "0.0.0.0:443", "off", "\\",
  ]

  private static func mutated(_ generator: inout SeededGenerator) -> String {
    var scalars = original
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let start = Int.random(in: 0..<scalars.count, using: &generator)
      let end = min(scalars.count, start + Int.random(in: 0...12, using: &generator))
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: scalars.removeSubrange(start..<end)
      case 1:
        scalars.insert(contentsOf: fragments.randomElement(using: &generator)!.unicodeScalars, at: start)
      case 2: scalars.insert(contentsOf: Array(scalars[start..<end]), at: start)
      default:
        let other = Int.random(in: 0..<scalars.count, using: &generator)
        scalars.swapAt(start, other)
      }
    }
    return String(String.UnicodeScalarView(scalars))
  }

  @Test func `A mutated file gives settings or errors that lie in it`() {
    print("seed \(Self.seed)")
    var generator = SeededGenerator(seed: Self.seed)
    for round in 0..<1500 {
      let yaml = Self.mutated(&generator)
      let lineCount = yaml.unicodeScalars.count { $0 == "\n" || $0 == "\r" } + 2
      do throws(SettingsErrors) {
        let settings = try Settings.parse(yaml, file: "t.yaml")
        #expect(settings.difference(from: settings) == [])
      } catch {
        #expect(!error.problems.isEmpty)
        for problem in error.problems {
          let isPlaced = (1...lineCount).contains(problem.location.line) && problem.location.column >= 1
          #expect(isPlaced, "round \(round): \(problem)")
          let isOneLine = !problem.message.contains { $0.isNewline } && !problem.message.isEmpty
          #expect(isOneLine, "round \(round): \(problem)")
        }
      }
    }
  }
}
