import Basics
import Control
import Settings
import Synchronization
import Telemetry

@testable import Proxy

/// A data plane without data: says what a test told it to, and remembers what it was asked for.
final class FakeProxy: ProxyControlling {
  struct State {
    var snapshot: Snapshot
    var records: [ConnectionRecord] = []
    var calls: [String] = []
    var refusal: ProxyError?
    var ticketKeys: [TicketKeyList] = []
  }

  let state: Mutex<State>

  init(_ snapshot: Snapshot = .sample()) { state = Mutex(State(snapshot: snapshot)) }

  var calls: [String] { state.withLock { $0.calls } }

  func start() throws(ProxyError) { note("start") }
  func drain(window: Duration?) {
    note("drain \(window.map { "\($0.components.seconds)" } ?? "without end")")
  }
  func stop() { note("stop") }
  func waitUntilEnded() { note("wait") }
  func rotateTicketKeys() { note("rotate") }
  func returnMemory() {}
  func clearMaxima() { note("clear maxima") }
  func ticketKeys() -> [TicketKeyList] { state.withLock { $0.ticketKeys } }

  func addTicketKey(_ key: String, toList place: Int) throws(ProxyError) {
    note("add \(key) to \(place)")
    if let refusal = state.withLock({ $0.refusal }) { throw refusal }
  }

  func snapshot() -> Snapshot { state.withLock { $0.snapshot } }

  func apply(_ settings: Settings) throws(ProxyError) {
    note("apply")
    if let refusal = state.withLock({ $0.refusal }) { throw refusal }
    state.withLock { $0.snapshot.settings = settings }
  }

  func takeRecords(_ body: (ConnectionRecord) -> Void) {
    let records = state.withLock { state in
      defer { state.records = [] }
      return state.records
    }
    for record in records { body(record) }
  }

  private func note(_ call: String) { state.withLock { $0.calls.append(call) } }
}

extension SourceLocation {
  static let nowhere = SourceLocation(line: 1, column: 1)
}

extension Snapshot {
  /// Two workers, a listener `public`, a pool `chat` with backends `a` and `b`; 90061 seconds after the start.
  static func sample() -> Snapshot {
    let start = MonotonicTime(nanoseconds: 5_000_000_000)
    var settings = Settings()
    settings.limits.connections = 1234
    var listener = Settings.Listener(
      name: "public", location: .nowhere, bind: [Endpoint("127.0.0.1:443")!])
    listener.pool = "chat"
    let backends = [
      Settings.Backend(name: "a", address: Endpoint("10.0.0.1:9001")!),
      Settings.Backend(name: "b", address: Endpoint("unix:/run/b, the other.sock")!),
    ]
    let pool = Settings.Pool(name: "chat", location: .nowhere, backends: backends)
    settings.listeners = [listener]
    settings.pools = [pool]
    var snapshot = Snapshot(startedAt: start, now: start + .seconds(90061), settings: settings)
    snapshot.workers = [
      Self.counted([.connectionsAccepted: 7, .connectionsLive: 2]), counted([.connectionsAccepted: 5]),
    ]
    snapshot.listeners = [
      ListenerSnapshot(
        settings: listener, bound: listener.bind, isAccepting: true,
        counters: counted([.connectionsAccepted: 12, .bytesFromClients: 1000, .responses1xx: 9]))
    ]
    snapshot.pools = [
      PoolSnapshot(
        settings: pool,
        backends: [
          BackendSnapshot(
            settings: backends[0], connectionsLive: 2, connectionsLiveMax: 6,
            counters: counted([.connections: 8, .bytesToBackend: 700, .connectFailures: 1])),
          BackendSnapshot(
            settings: backends[1], connectionsLive: 1, connectionsLiveMax: 3,
            counters: counted([.connections: 4, .bytesToBackend: 300])),
        ])
    ]
    return snapshot
  }

  static func counted<Key: CounterKey & Hashable>(_ values: [Key: UInt64]) -> Counted<Key> {
    let block = CounterBlock<Key>()
    for (key, value) in values { block.set(key, value) }
    return Counted(summing: [block])
  }
}
