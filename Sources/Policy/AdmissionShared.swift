public import Basics
internal import Synchronization

/// What the workers' admission controllers share.
public final class AdmissionShared: Sendable {
  public let workers: Int
  public let process: AdmissionGate
  public let returns: ReturnSlots
  /// How many may wait, in all workers together.
  private let capacityLimit: Atomic<Int>

  public init(_ limit: RateLimit, workers: Int, capacity: Int, returns: ReturnSlots) {
    self.workers = workers
    self.returns = returns
    process = AdmissionGate(limit, workers: workers)
    capacityLimit = Atomic(capacity)
  }

  public var capacity: Int { capacityLimit.load(ordering: .relaxed) }

  /// Whoever waits already stays.
  public func change(_ limit: RateLimit, capacity: Int, now: MonotonicTime) {
    capacityLimit.store(capacity, ordering: .relaxed)
    process.limiter.change(to: limit, now: now)
  }

  /// How many wait, in all workers.
  public var waitingCount: Int { process.waitingCount }
}
