internal import Basics
internal import Synchronization

/// A connection rate and who waits for it, in all workers together. One for the process, one per listener.
public final class AdmissionGate: Sendable {
  public let limiter: RateLimiter
  private let waiting = InlineArray<7, Atomic<Int>> { _ in Atomic(0) }
  private let expected = Atomic<Int>(0)
  private let oldest: [WorkerOldest]

  /// When the oldest entry of a worker's room entered; `UInt64.max` when it has none that could go on.
  private final class WorkerOldest: Sendable {
    let entered = Atomic<UInt64>(.max)
  }

  /// Workers whose oldest differ by no more than this take tokens as they come.
  private static let slack: UInt64 = 5_000_000

  public init(_ limit: RateLimit, workers: Int) {
    limiter = RateLimiter(limit)
    oldest = (0..<workers).map { _ in WorkerOldest() }
  }

  /// How many wait, in all workers.
  public var waitingCount: Int {
    var sum = 0
    for index in 0..<HandshakeClass.count { sum += waiting[index].load(ordering: .relaxed) }
    return max(sum, 0)
  }

  public func waitingCount(_ c: HandshakeClass) -> Int {
    max(waiting[c.rawValue].load(ordering: .relaxed), 0)
  }

  func entered(_ c: HandshakeClass) { waiting[c.rawValue].add(1, ordering: .relaxed) }
  func left(_ c: HandshakeClass) { waiting[c.rawValue].subtract(1, ordering: .relaxed) }

  /// How many have connected and haven't said yet what they are, and have a place all the same.
  public var expectedCount: Int { max(expected.load(ordering: .relaxed), 0) }

  func expect(_ more: Int) { expected.add(more, ordering: .relaxed) }

  /// Tells the other workers how old this one's oldest entry is; nil when none could go on now.
  func publish(_ entered: MonotonicTime?, worker: Int) {
    let value = entered?.nanoseconds ?? .max
    // Most turns change nothing, and a write would take the line from the others.
    if oldest[worker].entered.load(ordering: .relaxed) != value {
      oldest[worker].entered.store(value, ordering: .relaxed)
    }
  }

  /// True exactly when a worker whose oldest entered then may take a token.
  ///
  /// Whoever has the oldest goes first, so that a wait is the same in every worker and can be foretold. But
  /// no token is wasted on a worker that is slow to come: once half of the burst lies unused, anyone may.
  func isTurn(of worker: Int, oldest mine: MonotonicTime, now: MonotonicTime) -> Bool {
    if limiter.isUnlimited { return true }
    for (index, other) in oldest.enumerated() where index != worker {
      let theirs = other.entered.load(ordering: .relaxed)
      if theirs < mine.nanoseconds, mine.nanoseconds - theirs > Self.slack {
        return limiter.isHalfFull(now: now)
      }
    }
    return true
  }

  /// When one that enters now would come to its turn.
  func expectedAt(
    _ c: HandshakeClass, _ costs: HandshakeCosts, _ standing: AdmissionOrder.Standing, now: MonotonicTime
  ) -> MonotonicTime {
    if limiter.isUnlimited { return now }
    let uncounted = standing.uncounted(expected: expectedCount)
    // Read once each: the order looks at them several times.
    let counts = InlineArray<7, Int> { max(waiting[$0].load(ordering: .relaxed), 0) }
    let place = AdmissionOrder.place(of: c, costs, uncounted: uncounted, waiting: { counts[$0.rawValue] })
    return limiter.nextAt(now, count: place)
  }
}
