public import Basics
public import Settings
public import Telemetry

/// What readers get: the figures of one moment, summed over the workers.
public struct Snapshot: Sendable {
  /// An instant when the server started, and when the figures were read.
  public var startedAt: MonotonicTime
  public var now: MonotonicTime
  public var workers: [Counted<WorkerCounter>] = []
  public var listeners: [ListenerSnapshot] = []
  public var pools: [PoolSnapshot] = []
  public var settings: Settings
  /// Direct descriptors that the workers' rings have, and RLIMIT_NOFILE.
  public var directDescriptors: Int = 0
  public var isDraining = false
  public var admission = AdmissionSnapshot()
  public var handshakes = HandshakeTimes()

  /// One figure over all workers.
  public func total(_ key: WorkerCounter) -> UInt64 { workers.reduce(0) { $0 &+ $1[key] } }
}

/// How long TLS handshakes took, split by where the time went, full and resumed ones apart. Microseconds.
public struct HandshakeTimes: Sendable {
  public struct Split: Sendable {
    public var queue = Quantiles()
    public var cpu = Quantiles()
    public var network = Quantiles()
    public init() {}
  }
  public struct Quantiles: Sendable {
    public var count: UInt64 = 0
    public var p50: UInt64 = 0
    public var p99: UInt64 = 0
    public var max: UInt64 = 0
    public init() {}
  }
  public var full = Split()
  public var resumed = Split()
  public init() {}
}

/// The values of a counter block.
public struct Counted<Key: CounterKey>: Sendable {
  public var values: [UInt64]
  public init(summing blocks: [CounterBlock<Key>] = []) {
    values = Key.allCases.map { key in blocks.reduce(0) { $0 &+ $1[key] } }
  }
  public subscript(key: Key) -> UInt64 { values[key.rawValue] }
}

public struct ListenerSnapshot: Sendable {
  public var settings: Settings.Listener
  /// Where it really listens (a port 0 in the settings is resolved).
  public var bound: [Endpoint]
  public var isAccepting: Bool
  public var counters: Counted<ListenerCounter>
  /// Connections that wait ahead of TLS now, all workers together.
  public var waiting = 0
}

public struct PoolSnapshot: Sendable {
  public var settings: Settings.Pool
  public var backends: [BackendSnapshot]
}

public struct BackendSnapshot: Sendable {
  public var settings: Settings.Backend
  public var connectionsLive: Int
  public var connectionsLiveMax: Int
  public var counters: Counted<BackendCounter>
}
