internal import Basics
public import Proxy
internal import Settings
internal import Synchronization
internal import Telemetry

/// The rates that the control plane shows, fed with snapshots about four times a second.
public final class RateSampler: Sendable {
  public static let interval = Duration.milliseconds(250)
  private let window = Mutex(RateWindow())

  public init() {}

  /// The rates as of the last sample.
  public var current: RateWindow { window.withLock { $0 } }

  /// Lets the maxima begin anew.
  func clearMaxima() { window.withLock { $0.clearMaxima() } }

  public func sample(_ snapshot: Snapshot) {
    let counters = Self.counters(snapshot)
    let gauges = Self.gauges(snapshot)
    window.withLock { $0.add(counters: counters, gauges: gauges, now: snapshot.now) }
  }

  private static func counters(_ snapshot: Snapshot) -> [RateKey: UInt64] {
    let full = snapshot.total(.handshakesFull)
    let resumed = snapshot.total(.handshakesResumed)
    var counters: [RateKey: UInt64] = [
      .connections: snapshot.total(.connectionsAccepted),
      .admissions: snapshot.admission.admitted,
      .handshakes: full &+ resumed,
      .handshakesFull: full,
      .handshakesResumed: resumed,
      .bytesToClients: snapshot.total(.bytesToClients),
      .busyNanoseconds: snapshot.total(.busyNanoseconds),
    ]
    for listener in snapshot.listeners {
      let name = listener.settings.name
      counters[.listenerConnections(name)] = listener.counters[.connectionsAccepted]
      counters[.listenerRequests(name)] = listener.counters[.requests]
    }
    for pool in snapshot.pools {
      let name = pool.settings.name
      counters[.poolConnections(name)] = pool.total(.connections)
      for backend in pool.backends {
        counters[.backendConnections(pool: name, backend: backend.settings.name)] =
          backend.counters[.connections]
      }
    }
    return counters
  }

  private static func gauges(_ snapshot: Snapshot) -> [RateKey: UInt64] {
    var gauges: [RateKey: UInt64] = [:]
    for listener in snapshot.listeners {
      let name = listener.settings.name
      gauges[.listenerLive(name)] = listener.counters[.connectionsLive]
      gauges[.listenerWaiting(name)] = UInt64(clamping: listener.waiting)
    }
    for pool in snapshot.pools {
      gauges[.poolLive(pool.settings.name)] = UInt64(clamping: pool.connectionsLive)
    }
    return gauges
  }
}

extension PoolSnapshot {
  /// One figure over the pool's backends.
  func total(_ key: BackendCounter) -> UInt64 { backends.reduce(0) { $0 &+ $1.counters[key] } }

  var connectionsLive: Int { backends.reduce(0) { $0 + $1.connectionsLive } }
}
