public import Basics
internal import Synchronization

/// Tells each refused client when to come back, so that a herd returns as a flat line; shared by all workers.
///
/// A virtual clock runs ahead of time by one admission interval per refusal: the k-th refused is told the
/// time at which the k-th of them can be admitted, give or take half of the jitter. Real time catches up by
/// itself, and so those that never return are forgotten; when it is known how many do return (`learn`), slots
/// lie closer.
public final class ReturnSlots: Sendable {
  /// No client is told more than this.
  private let atMost: Atomic<UInt64>
  private let jitter: UInt64
  /// The next slot, as an `Instant`.
  private let clock = Atomic<UInt64>(0)
  /// Of 1024 that were told a slot, how many return.
  private let returning = Atomic<UInt64>(1024)

  public init(atMost: Duration = .seconds(60), jitter: Duration = .milliseconds(500)) {
    self.atMost = Atomic(max(1, atMost.clampedNanoseconds))
    self.jitter = jitter.clampedNanoseconds
  }

  public func change(atMost: Duration) {
    self.atMost.store(max(1, atMost.clampedNanoseconds), ordering: .relaxed)
  }

  /// - Parameter returning: the share of those told that come back, from 0 to 1; below a quarter counts as
  ///   a quarter, so that a herd that learns to obey isn't called in at once.
  public func learn(returning: Double) {
    let share = min(max(returning.isFinite ? returning : 1, 0.25), 1)
    self.returning.store(UInt64(share * 1024), ordering: .relaxed)
  }

  /// How far ahead the slots are given away.
  public func backlog(now: MonotonicTime) -> Duration {
    Instant.time(clock.load(ordering: .relaxed)).since(now)
  }

  /// Reserves the next slot.
  ///
  /// - Parameters:
  ///   - perSecond: the rate at which the refused can be admitted.
  ///   - from: when those that wait already will have been admitted. No slot lies before it, but for half of the jitter.
  /// - Returns: how long from now, at most the limit. A 503 tells it in whole seconds, rounded up.
  public func reserve(
    perSecond: Double, from: MonotonicTime, now: MonotonicTime,
    using generator: inout some RandomNumberGenerator
  ) -> Duration {
    let limit = atMost.load(ordering: .relaxed)
    let step = interval(perSecond)
    let start = Instant.of(max(from, now))
    let last = Instant.add(Instant.of(now), Instant.multiply(limit, Instant.units))
    var seen = clock.load(ordering: .relaxed)
    while max(seen, start) < last {
      let slot = max(seen, start)
      let (exchanged, original) = clock.weakCompareExchange(
        expected: seen, desired: Instant.add(slot, step), ordering: .relaxed)
      if exchanged { return told(Instant.time(slot).since(now).clampedNanoseconds, limit, &generator) }
      seen = original
    }
    // All is given away: at some time in the second half, since "at the limit" for all would be a wall.
    return .nanoseconds(Int64(clamping: UInt64.random(in: limit / 2...limit, using: &generator)))
  }

  private func interval(_ perSecond: Double) -> UInt64 {
    guard perSecond.isFinite else { return 0 }
    let units = 1e9 * Double(Instant.units) / max(perSecond, 1e-6)
    return UInt64(units) * returning.load(ordering: .relaxed) / 1024
  }

  private func told(_ wait: UInt64, _ limit: UInt64, _ generator: inout some RandomNumberGenerator)
    -> Duration
  {
    let drawn = jitter == 0 ? 0 : UInt64.random(in: 0..<jitter, using: &generator)
    // Were it only added, the first of them would be too few.
    let slot = max(wait + drawn, jitter / 2) - jitter / 2
    return .nanoseconds(Int64(clamping: min(slot, limit)))
  }
}

extension Duration {
  /// Whole seconds, rounded up, at least 1: what `Retry-After` can say.
  public var retryAfterSeconds: Int {
    let nanoseconds = clampedNanoseconds
    let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    return max(1, Int(whole) + (rest > 0 ? 1 : 0))
  }
}
