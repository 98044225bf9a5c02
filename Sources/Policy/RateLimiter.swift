public import Basics
internal import Synchronization

/// Lets through so many a second, exactly, in whatever window one looks; shared by all workers.
///
/// The generic cell rate algorithm with one atomic. No locks: a worker that loses a race tries again, and one
/// that must wait writes nothing.
public final class RateLimiter: Sendable {
  public enum Decision: Hashable, Sendable {
    case admitted
    /// Not before this time; others may be quicker then.
    case wait(until: MonotonicTime)
  }

  private let arrival: Atomic<UInt64>
  private let interval: Atomic<UInt64>
  private let tolerance: Atomic<UInt64>
  /// Odd while the terms change. Who has read terms and arrival under one even version has read what
  /// belongs together; a change alters the arrival, so that who was overtaken fails to exchange it.
  private let version = Atomic<UInt64>(0)
  private let current: Mutex<RateLimit>

  /// A limiter with its whole burst.
  public init(_ limit: RateLimit) {
    let terms = RateTerms(limit)
    arrival = Atomic(terms.arrivalAtRest)
    interval = Atomic(terms.interval)
    tolerance = Atomic(terms.tolerance)
    current = Mutex(limit)
  }

  public var limit: RateLimit { current.withLock { $0 } }

  /// True exactly when everything passes.
  public var isUnlimited: Bool { interval.load(ordering: .relaxed) == 0 }

  /// How many a second; infinite without a limit. Without the lock that `limit` takes.
  var perSecond: Double { RateLimit.perSecond(interval: interval.load(ordering: .relaxed)) }

  public func admit(now: MonotonicTime) -> Decision {
    let instant = Instant.of(now)
    while true {
      guard let (terms, seen) = read() else { return .wait(until: Self.afterChange(now)) }
      guard let next = terms.admitting(seen, at: instant) else {
        return .wait(until: Instant.time(terms.next(seen, at: instant, count: 1)))
      }
      if terms.isUnlimited || exchange(seen, next) { return .admitted }
    }
  }

  /// Takes an admission back that wasn't used, at once.
  public func refund() {
    while let (terms, seen) = read(), !terms.isUnlimited, seen != .max {
      if exchange(seen, Instant.subtract(seen, terms.interval)) { return }
    }
  }

  /// When the `count`th from now may pass, if all are taken as soon as they may.
  public func nextAt(_ now: MonotonicTime, count: Int = 1) -> MonotonicTime {
    assert(count > 0)
    guard let (terms, seen) = read() else { return Self.afterChange(now) }
    return Instant.time(terms.next(seen, at: Instant.of(now), count: UInt64(max(count, 1))))
  }

  /// How many may pass at this time.
  public func available(now: MonotonicTime) -> UInt64 {
    guard let (terms, seen) = read() else { return 0 }
    return terms.available(seen, at: Instant.of(now))
  }

  /// True exactly when at least half of the burst lies unused.
  func isHalfFull(now: MonotonicTime) -> Bool {
    guard let (terms, seen) = read(), terms.interval > 0 else { return true }
    let burst = terms.tolerance / terms.interval + 1
    return terms.available(seen, at: Instant.of(now)) >= (burst + 1) / 2
  }

  /// Sets another limit. What is left of the burst stays, as far as it fits: no reload gives one for free.
  public func change(to limit: RateLimit, now: MonotonicTime) {
    current.withLock { current in
      guard limit != current else { return }
      let (old, new) = (RateTerms(current), RateTerms(limit))
      current = limit
      version.add(1, ordering: .acquiringAndReleasing)
      interval.store(new.interval, ordering: .releasing)
      tolerance.store(new.tolerance, ordering: .releasing)
      translate(from: old, to: new, now)
      version.add(1, ordering: .acquiringAndReleasing)
    }
  }

  private func translate(from old: RateTerms, to new: RateTerms, _ now: MonotonicTime) {
    while true {
      let seen = arrival.load(ordering: .acquiring)
      var next = old.arrival(seen, under: new, at: Instant.of(now))
      if next == seen && next != .max { next += 1 }
      if exchange(seen, next) { return }
    }
  }

  private func read() -> (RateTerms, UInt64)? {
    let before = version.load(ordering: .acquiring)
    guard before & 1 == 0 else { return nil }
    let seen = arrival.load(ordering: .acquiring)
    let terms = RateTerms(
      interval: interval.load(ordering: .acquiring), tolerance: tolerance.load(ordering: .acquiring))
    return version.load(ordering: .relaxed) == before ? (terms, seen) : nil
  }

  private func exchange(_ seen: UInt64, _ next: UInt64) -> Bool {
    arrival.compareExchange(
      expected: seen, desired: next, successOrdering: .acquiringAndReleasing, failureOrdering: .relaxed
    ).exchanged
  }

  /// A reload takes microseconds; who meets it comes back instead of spinning.
  private static func afterChange(_ now: MonotonicTime) -> MonotonicTime { now + .milliseconds(1) }
}
