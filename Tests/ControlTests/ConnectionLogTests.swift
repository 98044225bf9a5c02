import Basics
@testable import Control
import Foundation
import Proxy
import Settings
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(1))) struct ConnectionLogTests {
  private func record(_ listener: String) -> ConnectionRecord {
    ConnectionRecord(
      acceptedAt: .zero, worker: 0, listener: listener,
      end: EndReason(who: .client, phase: .relaying, cause: .finished))
  }

  private func listeners(_ path: String) throws -> [String] {
    struct Line: Decodable { var listener: String }
    let text = try String(contentsOfFile: path, encoding: .utf8)
    return try text.split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8)).listener
    }
  }

  @Test func writesALinePerRecordByTheTimeItFinishes() throws {
    let folder = try TemporaryFolder(prefix: "tidegate-test")
    defer { folder.remove() }
    let proxy = FakeProxy()
    let log = ConnectionLog(proxy, logger: OperationalLog(level: .critical, write: { _ in }).logger)
    try log.setDestination(folder.path + "/log.json")
    proxy.state.withLock { $0.records = [record("a"), record("b")] }
    log.finish()
    #expect(try listeners(folder.path + "/log.json") == ["a", "b"])
  }

  @Test func takesRecordsWithoutADestinationToo() throws {
    let proxy = FakeProxy()
    let log = ConnectionLog(proxy, logger: OperationalLog(level: .critical, write: { _ in }).logger)
    proxy.state.withLock { $0.records = [record("a")] }
    log.finish()
    #expect(proxy.state.withLock { $0.records.isEmpty })
  }

  @Test func appendsAndFollowsARenamedFile() throws {
    let folder = try TemporaryFolder(prefix: "tidegate-test")
    defer { folder.remove() }
    let path = try folder.write("", to: "log.json")
    let file = try LogFile(path)
    file.append(line: ConnectionLine.json(record("first"), wallOffset: 0))
    file.flush()
    #expect(rename(path, path + ".1") == 0)
    file.append(line: ConnectionLine.json(record("second"), wallOffset: 0))
    file.flush()
    file.reopenIfRotated()
    file.append(line: ConnectionLine.json(record("third"), wallOffset: 0))
    file.flush()
    #expect(try listeners(path + ".1") == ["first", "second"])
    #expect(try listeners(path) == ["third"])
  }

  @Test func countsLinesThatTheDiskDoesNotTake() throws {
    let file = try LogFile("/dev/full")
    file.append(line: "a")
    file.append(line: "b")
    file.flush()
    #expect(file.takeLostCount() == 2)
    #expect(file.takeLostCount() == 0)
    #expect(file.trouble == "No space left on device")
  }

  @Test func aDestinationThatCannotBeOpenedIsAnErrorAtOnce() throws {
    #expect(throws: ControlError("connection log /nowhere/log.json: No such file or directory")) {
      try LogFile("/nowhere/log.json")
    }
  }
}
