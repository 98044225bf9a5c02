import Basics
import Logging
import Proxy
import Settings
import Synchronization
import Telemetry
import Testing

@testable import Control

@Suite struct LimitNoticesTests {
  private func snapshot(_ milliseconds: Int, process: UInt64 = 0, listener: UInt64 = 0) -> Snapshot {
    var snapshot = Snapshot.sample()
    snapshot.now = snapshot.startedAt + .milliseconds(milliseconds)
    let index = AdmissionSnapshot.Refusal.allCases.firstIndex(of: .processLimit)!
    snapshot.admission.refused[index] = process
    snapshot.listeners[0].counters = Snapshot.counted([.connectionsRefusedAtLimit: listener])
    return snapshot
  }

  private func notice(_ connections: UInt64, _ milliseconds: Int, of listener: String? = nil)
    -> LimitNotices.Notice
  {
    LimitNotices.Notice(
      limit: listener == nil ? "limits.connections" : "connections", listener: listener,
      connections: connections, within: .milliseconds(milliseconds))
  }

  @Test func nothingIsSaidWhereNobodyIsRefused() {
    var notices = LimitNotices()
    for step in 0..<100 { #expect(notices.look(snapshot(step * 250)).isEmpty) }
  }

  @Test func theFirstAreToldOfAtOnceAndTheOthersInSummary() {
    var notices = LimitNotices()
    var said: [(Int, LimitNotices.Notice)] = []
    // From the fifth second on a thousand a second, for 25 s.
    for step in 0...200 {
      let refused = UInt64(max(0, min(step * 250 - 5000, 25_000)))
      for notice in notices.look(snapshot(step * 250, process: refused)) { said.append((step * 250, notice)) }
    }
    #expect(said.map(\.0) == [5250, 15_250, 25_250, 35_250])
    #expect(
      said.map(\.1) == [
        notice(250, 250), notice(10_000, 10_000), notice(10_000, 10_000), notice(4750, 10_000),
      ])
  }

  @Test func eachLimitIsToldOfByItself() {
    var notices = LimitNotices()
    #expect(notices.look(snapshot(0)).isEmpty)
    #expect(notices.look(snapshot(250, listener: 3)) == [notice(3, 250, of: "public")])
    #expect(notices.look(snapshot(500, process: 7, listener: 9)) == [notice(7, 250)])
    #expect(notices.look(snapshot(10_250, process: 7, listener: 9)) == [notice(6, 10_000, of: "public")])
  }

  @Test func theOperationalLogSaysWhichLimitItWas() {
    let lines = Mutex<[String]>([])
    let log = OperationalLog(level: .warning) { line in lines.withLock { $0.append(line) } }
    let watch = LimitWatch(log.logger)
    watch.look(at: snapshot(250, process: 1))
    watch.look(at: snapshot(500, process: 1, listener: 2))
    let said = lines.withLock { $0.map { String($0.drop { $0 != " " }) } }
    let text = " warning connections refused at a limit of live connections "
    #expect(
      said == [
        text + "connections=1 limit=limits.connections within_seconds=0.250000\n",
        text + "connections=2 limit=connections listener=public within_seconds=0.250000\n",
      ])
  }

  @Test func aListenerThatBeganAnewIsCountedFromNothing() {
    var notices = LimitNotices()
    #expect(notices.look(snapshot(0, listener: 500)).map(\.connections) == [500])
    #expect(notices.look(snapshot(20_000, listener: 2)).map(\.connections) == [2])
  }
}
