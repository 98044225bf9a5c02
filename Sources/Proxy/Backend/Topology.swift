internal import Basics
internal import Dispatch
internal import Policy
public import Settings
internal import TLS

/// Listeners and pools as one configuration has them: immutable, shared by the workers, replaced as a whole by
/// a reload. What goes on across reloads (a backend's load, counters, listening sockets) is carried over.
public final class Topology: Sendable {
  public let settings: Settings
  let listeners: [ListenerState]
  let pools: [PoolState]
  let binds: [BoundListener]
  /// The connection rates of the listeners by their numbers, those of closed ones included.
  let gates: [AdmissionGate]
  /// How long after its first bytes a handshake may begin.
  let handshakePatience: Duration

  init(
    settings: Settings, listeners: [ListenerState], pools: [PoolState], binds: [BoundListener],
    continuing old: Topology? = nil
  ) {
    var gates = old?.gates ?? []
    for listener in listeners where listener.number == gates.count { gates.append(listener.gate) }
    self.gates = gates
    self.settings = settings
    handshakePatience = settings.waitingRoom.patience + settings.waitingRoom.patience / 4
    self.listeners = listeners
    self.pools = pools
    self.binds = binds
  }

  /// Puts other settings in force: the limits at once, the rest in each worker's next turn.
  /// - Returns: for each worker what it signals when it has taken them.
  func putInForce(_ process: ProcessShared, _ workers: [WorkerShared], now: MonotonicTime)
    -> [DispatchSemaphore]
  {
    process.change(settings, now: now)
    for listener in listeners {
      let limit = RateLimit(listener.settings.connectionRate, burst: listener.settings.connectionBurst)
      listener.gate.limiter.change(to: limit, now: now)
    }
    return workers.map { $0.mailbox.send(.apply(self)) }
  }

  /// The listeners of a configuration. One whose name was there before goes on; a new one gets a new number.
  static func makeListeners(
    _ settings: Settings, pools: [PoolState], contexts: [[TLSContext?]], workers: Int,
    continuing old: Topology?
  ) -> [ListenerState] {
    var next = old?.gates.count ?? 0
    return zip(settings.listeners, contexts).map { listener, contexts in
      let before = old?.listeners.first { $0.settings.name == listener.name }
      let state = ListenerState(
        listener, pools: pools, contexts: contexts, workers: workers, number: before?.number ?? next,
        continuing: before)
      if before == nil { next += 1 }
      return state
    }
  }

  /// The pools of a configuration. A backend whose pool, name and address were there before goes on.
  static func makePools(_ settings: Settings, workers: Int, continuing old: Topology?) -> [PoolState] {
    settings.pools.map { pool in
      let before = old?.pools.first { $0.settings.name == pool.name }
      let backends = pool.backends.map { backend in
        let same = before?.backends.first {
          $0.settings.name == backend.name && $0.settings.address == backend.address
        }
        return same.map { BackendState(backend, continuing: $0) } ?? BackendState(backend, workers: workers)
      }
      return PoolState(pool, backends: backends)
    }
  }
}

/// A listening address with its sockets.
public struct BoundListener: Sendable {
  /// Its place in the workers' tables; stays the same across reloads.
  let index: Int
  let listener: ListenerState
  /// As written in the settings, by which a reload finds it again.
  let wanted: Endpoint
  /// Where it really is: differs when port 0 was wanted.
  let bound: Endpoint
  /// For each worker, its engine's listening descriptors.
  let descriptors: [[Int32]]

  init(index: Int, listener: ListenerState, wanted: Endpoint, bound: Endpoint, descriptors: [[Int32]]) {
    self.index = index
    self.listener = listener
    self.wanted = wanted
    self.bound = bound
    self.descriptors = descriptors
  }
}
