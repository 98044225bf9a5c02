public import Basics
internal import Policy
public import Settings
internal import Synchronization

/// What the simulation needs: a worker without listening sockets, and a look at what it holds.
extension Topology {
  /// Plain-text listeners for one worker over an engine that needs no listening descriptors. The listeners'
  /// indexes are their places in the settings.
  public static func withoutSockets(_ settings: Settings) -> Topology {
    let pools = makePools(settings, workers: 1, continuing: nil)
    let listeners = makeListeners(
      settings, pools: pools, contexts: settings.listeners.map { _ in [nil] }, workers: 1, continuing: nil)
    let binds = listeners.enumerated().map { index, listener in
      let endpoint = listener.settings.bind[0]
      return BoundListener(
        index: index, listener: listener, wanted: endpoint, bound: endpoint, descriptors: [[]])
    }
    return Topology(settings: settings, listeners: listeners, pools: pools, binds: binds)
  }

  /// Live connections of all backends, as their counts have it.
  public var backendConnectionsLive: Int {
    pools.reduce(0) { $0 + $1.backends.reduce(0) { $0 + $1.live.now.load(ordering: .relaxed) } }
  }
}

/// A live connection as a turn has left it.
public struct ConnectionGlimpse: Sendable {
  /// Nil until it is known.
  public var address: Endpoint?
  public var phase: Phase
  public var refusal: AdmissionSnapshot.Refusal?
  /// When a refused client may come again.
  public var returnSlot: MonotonicTime
}

extension WorkerShared {
  /// What admission has done, where this is the process's only worker.
  public func admissionSnapshot(now: MonotonicTime) -> AdmissionSnapshot {
    AdmissionSnapshot(process, [self], now: now)
  }
}

extension Worker where Engine: ~Copyable {
  public var connectionCount: Int { connections.count }
  public var timerCount: Int { timers.count }
  public var buffersTaken: Int { engine.buffers.takenCount }
  public var buffersExhausted: UInt64 { engine.buffers.exhaustedCount }
  public var admittedCount: UInt64 { admission.counts.admitted }
  public var waitingCount: Int { admission.waitingCount }
  public var heldCount: Int { held.count }

  public func forEachConnection(_ body: (ConnectionGlimpse) -> Void) {
    for index in 0..<connections.indexLimit {
      guard let id = connections.tenant(at: index), let c = connections.pointer(id) else { continue }
      body(
        ConnectionGlimpse(
          address: c.pointee.address, phase: c.pointee.phase, refusal: c.pointee.refusal,
          returnSlot: c.pointee.returnSlot))
    }
  }
}

extension Topology {
  /// Live connections of all listeners, as their counts have it.
  public var listenerConnectionsLive: Int { listeners.reduce(0) { $0 + $1.live.now } }
}
