internal import Proxy
internal import Settings
internal import Synchronization
internal import Telemetry

/// What `show stat` counts from. The counters themselves never fall: whoever else reads them counts on that.
public final class CounterBaseline: Sendable {
  private struct BackendKey: Hashable {
    var pool: String
    var backend: String
  }

  private struct Base {
    var listeners: [String: Counted<ListenerCounter>] = [:]
    var backends: [BackendKey: Counted<BackendCounter>] = [:]
  }

  private let base = Mutex(Base())

  public init() {}

  /// Lets all counters begin anew with these figures.
  func set(_ snapshot: Snapshot) {
    var new = Base()
    for listener in snapshot.listeners { new.listeners[listener.settings.name] = listener.counters }
    for pool in snapshot.pools {
      for backend in pool.backends { new.backends[Self.key(pool, backend)] = backend.counters }
    }
    base.withLock { [new] in $0 = new }
  }

  /// The same figures, counted from the baseline.
  func since(_ snapshot: Snapshot) -> Snapshot {
    let base = base.withLock { $0 }
    var snapshot = snapshot
    for index in snapshot.listeners.indices {
      guard let old = base.listeners[snapshot.listeners[index].settings.name] else { continue }
      snapshot.listeners[index].counters.subtract(old, but: [.connectionsLive])
    }
    for (place, pool) in snapshot.pools.enumerated() {
      for (index, backend) in pool.backends.enumerated() {
        guard let old = base.backends[Self.key(pool, backend)] else { continue }
        snapshot.pools[place].backends[index].counters.subtract(old, but: [])
      }
    }
    return snapshot
  }

  private static func key(_ pool: PoolSnapshot, _ backend: BackendSnapshot) -> BackendKey {
    BackendKey(pool: pool.settings.name, backend: backend.settings.name)
  }
}

extension Counted {
  /// - Parameter gauges: what isn't counted but measured, and stays. A counter that is behind its baseline is of
  ///   something that a reload has made anew.
  fileprivate mutating func subtract(_ old: Counted, but gauges: [Key]) {
    for key in Key.allCases where !gauges.contains(where: { $0.rawValue == key.rawValue }) {
      if values[key.rawValue] >= old[key] { values[key.rawValue] -= old[key] }
    }
  }
}
