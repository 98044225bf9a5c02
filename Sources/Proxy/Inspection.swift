public import Basics
internal import Policy
public import Settings
internal import Synchronization
internal import TLS

/// What the simulation needs: a worker without listening sockets, and a look at what it holds.
extension Topology {
  /// Plain-text listeners over engines that need no listening descriptors. The listeners' indexes are their
  /// places in the settings.
  public static func withoutSockets(
    _ settings: Settings, workers: Int = 1, continuing old: Topology? = nil
  ) -> Topology {
    let pools = makePools(settings, workers: workers, continuing: old)
    let contexts = settings.listeners.map { _ in [TLSContext?](repeating: nil, count: workers) }
    let listeners = makeListeners(
      settings, pools: pools, contexts: contexts, workers: workers, continuing: old)
    let binds = listeners.enumerated().map { index, listener in
      let endpoint = listener.settings.bind[0]
      return BoundListener(
        index: index, listener: listener, wanted: endpoint, bound: endpoint,
        descriptors: Array(repeating: [], count: workers))
    }
    return Topology(
      settings: settings, listeners: listeners, pools: pools, binds: binds, continuing: old)
  }

  /// Puts these settings in force. The workers take them when they are woken.
  public func apply(to workers: [WorkerShared], now: MonotonicTime) {
    _ = putInForce(workers[0].process, workers, now: now)
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
  /// What admission has done: the counters are this worker's, the rest is the process's.
  public func admissionSnapshot(now: MonotonicTime) -> AdmissionSnapshot {
    AdmissionSnapshot(process, [self], now: now)
  }
}

extension ProcessShared {
  public var waitingCount: Int { admission.waitingCount }
  public var heldCount: Int { held.now }
  public var expectedCount: Int { admission.process.expectedCount }
}

extension Worker where Engine: ~Copyable {
  public var connectionCount: Int { connections.count }
  public var relayingCount: Int { liveCount }
  public var timerCount: Int { timers.count }
  public var buffersTaken: Int { engine.buffers.takenCount }
  public var buffersExhausted: UInt64 { engine.buffers.exhaustedCount }
  public var admittedCount: UInt64 { admission.counts.admitted }
  public var waitingCount: Int { admission.waitingCount }
  public var heldCount: Int { held.count }
  /// Places kept for clients that haven't said what they are, and refusals in words that are under way.
  public var promisedCount: Int { admission.expectedCount + refusals.underWay }

  /// Legs whose send isn't to end a wait although something is to follow it: none, ever.
  public var sendsAwaitedInVain: Int {
    var count = 0
    for index in 0..<connections.indexLimit {
      guard let id = connections.tenant(at: index), let c = connections.pointer(id) else { continue }
      if c.pointee.client.awaitsSendInVain { count += 1 }
      if c.pointee.backend.awaitsSendInVain { count += 1 }
    }
    return count
  }

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

extension Leg {
  /// Where it is on its way out, a cancel ends the wait.
  fileprivate var awaitsSendInVain: Bool {
    isSending && isSendQuiet && !isLeaving
      && (toSend.byteCount > sendingBytes || finishRequested || finishIsUnproven)
  }
}

extension Topology {
  /// Live connections of all listeners, as their counts have it.
  public var listenerConnectionsLive: Int { listeners.reduce(0) { $0 + $1.live.now } }
}
