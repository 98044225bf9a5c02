internal import Basics
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

extension Worker where Engine: ~Copyable {
  public var connectionCount: Int { connections.count }
  public var timerCount: Int { timers.count }
  public var buffersTaken: Int { engine.buffers.takenCount }
  public var buffersExhausted: UInt64 { engine.buffers.exhaustedCount }
}
