import Basics
@testable import Control
import Foundation
import Proxy
import Settings
import Synchronization
import Testing

/// A supervisor over a fake proxy, its files in a folder of its own.
private final class Bench {
  let folder: TemporaryFolder
  let proxy = FakeProxy()
  let supervisor: Supervisor
  let socket: String
  let file: String

  init(_ more: String = "") throws {
    folder = try TemporaryFolder(prefix: "tidegate-test")
    socket = folder.path + "/stats.sock"
    file = try folder.write(Self.yaml(socket, more), to: "a.yaml")
    supervisor = try Supervisor(
      try Settings.load(file: file), file: file, proxy: proxy,
      log: OperationalLog(level: .critical, write: { _ in }), manager: ServiceManager(path: nil))
  }

  deinit { folder.remove() }

  func write(_ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: file)) }

  static func yaml(_ socket: String, _ more: String = "") -> String {
    """
    listeners: [{bind: "127.0.0.1:1", pool: chat}]
    pools: [{name: chat, backends: ["127.0.0.1:2"]}]
    admin: {stats_socket: {path: "\(socket)"}}
    \(more)
    """
  }

  func isListening(_ path: String) -> Bool {
    if case .success(let descriptor) = UnixAddress.connect(path) {
      close(descriptor)
      return true
    }
    return false
  }
}

@Suite(.serialized, .timeLimit(.minutes(1))) struct SupervisorTests {
  @Test func theFirstTermDrainsWithinTheWindowAndTheSecondStops() throws {
    let bench = try Bench("drain: {window: 7s}")
    bench.supervisor.obey(.drain)
    bench.supervisor.obey(.drain)
    #expect(bench.proxy.calls == ["drain 7", "stop"])
    try bench.supervisor.run()
  }

  @Test func quitDrainsWithoutEndAndIntStops() throws {
    let bench = try Bench()
    bench.supervisor.obey(.drainWithoutEnd)
    bench.supervisor.obey(.stop)
    #expect(bench.proxy.calls == ["drain without end", "stop"])
    try bench.supervisor.run()
  }

  @Test func runServesUntilTheWorkersHaveEndedAndRemovesTheSocket() throws {
    let bench = try Bench()
    #expect(bench.isListening(bench.socket))
    try bench.supervisor.run()
    #expect(bench.proxy.calls == ["start", "wait"])
    #expect(!FileManager.default.fileExists(atPath: bench.socket))
  }

  @Test func aReloadSaysWhatChanged() throws {
    let bench = try Bench()
    try bench.write(Bench.yaml(bench.socket, "limits: {connections: 55}"))
    let outcome = bench.supervisor.reload()
    #expect(outcome.succeeded)
    #expect(outcome.messages.count == 1 && outcome.messages[0].contains("55"))
    #expect(bench.proxy.snapshot().settings.limits.connections == 55)
    #expect(bench.supervisor.reload().messages.count == 1)
    try bench.supervisor.run()
  }

  @Test func aFileWithErrorsChangesNothing() throws {
    let bench = try Bench()
    try bench.write(Bench.yaml(bench.socket, "bogus: 1"))
    let outcome = bench.supervisor.reload()
    #expect(!outcome.succeeded)
    #expect(outcome.messages.first?.hasPrefix("\(bench.file):4:1: ") == true)
    #expect(outcome.messages.last == "the settings from before stay in force")
    #expect(bench.proxy.calls.isEmpty)
    try bench.supervisor.run()
  }

  @Test func whatTheProxyRefusesChangesNothingElseEither() throws {
    let bench = try Bench()
    let other = bench.folder.path + "/other.sock"
    bench.proxy.state.withLock {
      $0.refusal = ProxyError("no such certificate", at: SourceLocation(line: 2, column: 5))
    }
    try bench.write(Bench.yaml(other))
    let outcome = bench.supervisor.reload()
    #expect(outcome.messages.first == "\(bench.file):2:5: no such certificate")
    #expect(bench.isListening(bench.socket) && !bench.isListening(other))
    bench.proxy.state.withLock { $0.refusal = nil }
    #expect(bench.supervisor.reload().succeeded)
    #expect(!bench.isListening(bench.socket) && bench.isListening(other))
    try bench.supervisor.run()
  }

  @Test func aLogThatCannotBeOpenedStopsTheReload() throws {
    let bench = try Bench()
    try bench.write(Bench.yaml(bench.socket, "log: {connections: \"\(bench.folder.path)/no/log.json\"}"))
    #expect(!bench.supervisor.reload().succeeded)
    #expect(bench.proxy.calls.isEmpty)
    try bench.supervisor.run()
  }

  @Test func aReloadThroughTheSocketIsAnswered() throws {
    let bench = try Bench()
    let reply = try StatsClient(path: bench.socket).send("reload")
    #expect(!reply.isError && reply.text.hasPrefix("Success=1\n--\n"))
    try bench.supervisor.run()
  }

  @Test func anOrderHoldsUntilTheNextReload() throws {
    let bench = try Bench()
    let client = StatsClient(path: bench.socket)
    #expect(!(try client.send("disable server chat/127.0.0.1:2;set maxconn global 55").isError))
    #expect(bench.proxy.snapshot().settings.pools[0].backends[0].orders.state == .maint)
    let outcome = bench.supervisor.reload()
    #expect(
      outcome.messages == [
        "limits.connections is now 9900, was 55; more than at the start there is room for only after a restart",
        "pool \"chat\": backend \"127.0.0.1:2\": state is now ready, was maint",
      ])
    #expect(bench.proxy.snapshot().settings.pools[0].backends[0].orders.state == .ready)
    try bench.supervisor.run()
  }

  @Test func anOrderThatTheProxyRefusesIsForgotten() throws {
    let bench = try Bench()
    bench.proxy.state.withLock { $0.refusal = ProxyError("no such certificate") }
    let reply = try StatsClient(path: bench.socket).send("set maxconn global 55")
    #expect(reply.text.hasPrefix("no such certificate"))
    bench.proxy.state.withLock { $0.refusal = nil }
    #expect(
      bench.supervisor.reload().messages == [
        "no setting changed; files that the settings name are loaded anew"
      ])
    try bench.supervisor.run()
  }

  @Test func aDrainingProcessTakesNoOtherSettings() throws {
    let bench = try Bench()
    bench.supervisor.obey(.drain)
    #expect(!bench.supervisor.reload().succeeded)
    try bench.supervisor.run()
  }
}
