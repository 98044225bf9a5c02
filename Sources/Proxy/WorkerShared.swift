internal import Basics
internal import Policy
public import Settings
internal import Synchronization
internal import TLS
public import Telemetry

/// What a worker shares with the control plane: its counters, its records, its mailbox.
public final class WorkerShared: Sendable {
  /// The worker's number, from 0.
  public let index: Int
  public let counters = CounterBlock<WorkerCounter>()
  /// Ended connections, for the log.
  public let records = EventLog<ConnectionRecord>(capacity: 8192)
  public let process: ProcessShared
  let admission = CounterBlock<AdmissionCounter>()
  let handshakeTimes = HandshakeHistograms()
  let mailbox = Mailbox()
  /// The worker's OpenSSL, used by its thread alone; nil where nothing is TLS (the simulation).
  nonisolated(unsafe) let library: TLSLibrary?

  public convenience init(index: Int, process: ProcessShared) {
    self.init(index: index, process: process, library: nil)
  }

  init(index: Int, process: ProcessShared, library: TLSLibrary?) {
    self.index = index
    self.process = process
    self.library = library
  }
}

/// What the workers of a process share with each other.
public final class ProcessShared: Sendable {
  public let live = LiveConnections()
  let admission: AdmissionShared
  let addresses: AddressTable
  let ledger: ReconnectionLedger
  let held: HeldCount
  /// True once a client has been told when to come again: until then nobody can come back.
  let hasTold = Atomic<Bool>(false)
  /// True exactly when a worker has freed much memory that malloc still keeps.
  let hasFreeMemory = Atomic<Bool>(false)

  public convenience init(settings: Settings = Settings(), workers: Int = 1) {
    var generator = SystemRandomNumberGenerator()
    self.init(settings: settings, workers: workers, using: &generator)
  }

  /// - Parameter generator: gives the keys of the tables' hashes; nobody outside may guess what it gives.
  public init(settings: Settings, workers: Int, using generator: inout some RandomNumberGenerator) {
    admission = AdmissionShared(
      settings.limits.rate, workers: workers, capacity: settings.waitingRoom.capacity,
      returns: ReturnSlots(atMost: settings.refusal.hold.atMost))
    addresses = AddressTable(
      capacity: min(4 * settings.limits.connections, 1 << 20), limits: settings.limits.perAddress.limits,
      using: &generator)
    held = HeldCount(limit: settings.refusal.hold.connections)
    ledger = ReconnectionLedger(capacity: min(4 * settings.limits.connections, 1 << 20), using: &generator)
  }

  /// Puts other settings in force.
  func change(_ settings: Settings, now: MonotonicTime) {
    admission.change(settings.limits.rate, capacity: settings.waitingRoom.capacity, now: now)
    held.change(limit: settings.refusal.hold.connections)
    admission.returns.change(atMost: settings.refusal.hold.atMost)
    addresses.change(settings.limits.perAddress.limits, now: now)
  }
}

extension Settings.Limits {
  var rate: RateLimit { RateLimit(connectionRate, burst: connectionBurst) }
}

extension Settings.PerAddress {
  var limits: AddressLimits {
    AddressLimits(
      connections: connections, rate: RateLimit(connectionRate, burst: burst), ipv6Prefix: ipv6Prefix)
  }
  var isUnlimited: Bool { connections == nil && connectionRate == nil }
}

extension RateLimit {
  init(_ rate: Rate?, burst: Int?) {
    self = rate.map { RateLimit($0.count, per: $0.period, burst: burst) } ?? .unlimited
  }
}

/// The live connections of the process, counted against its limit.
public final class LiveConnections: Sendable {
  private let count = Atomic<Int>(0)

  public init() {}

  public var now: Int { count.load(ordering: .relaxed) }

  /// Counts one more, up to the limit exactly. False, and nothing counted, when that would be one too many.
  func enter(limit: Int) -> Bool {
    if count.add(1, ordering: .relaxed).newValue <= limit { return true }
    leave()
    return false
  }

  func leave() { count.subtract(1, ordering: .relaxed) }
}
