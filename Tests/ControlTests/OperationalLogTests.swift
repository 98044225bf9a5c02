@testable import Control
import Logging
import Settings
import Synchronization
import Testing

private final class Lines: Sendable {
  let all = Mutex<[String]>([])
  var write: @Sendable (String) -> Void { { line in self.all.withLock { $0.append(line) } } }
}

@Suite struct OperationalLogTests {
  @Test func aLineHasTimeLevelMessageAndSortedPairs() {
    let line = OperationalLog.line(
      at: 1_795_573_396_498_000_000, .warning, "something happened", ["b": "two words", "a": "1", "c": ""])
    #expect(line == "2026-11-25T02:23:16.498Z warning something happened a=1 b=\"two words\" c=\"\"\n")
  }

  @Test func nobodyWritesALineOfTheirOwn() {
    let line = OperationalLog.line(at: 0, .info, "bad\nname\u{1b}[0m", ["key\n": "v\n\"x\"", "k": "\u{1}"])
    #expect(line.filter(\.isNewline) == "\n")
    #expect(line.hasSuffix("bad\\nname\\u001b[0m k=\\u0001 key\\n=\"v\\n\\\"x\\\"\"\n"))
  }

  @Test func aChangedLevelHoldsForLoggersMadeBefore() {
    let lines = Lines()
    let log = OperationalLog(level: .warning, write: lines.write)
    let logger = log.logger
    logger.info("unheard")
    log.setLevel(.debug)
    logger.debug("heard")
    #expect(lines.all.withLock { $0.count } == 1)
    #expect(lines.all.withLock { $0[0] }.hasSuffix(" debug heard\n"))
  }
}
