internal import Basics

/// A share of a thread's time as a token bucket, in nanoseconds. Not shared.
///
/// What is spent may exceed what was there: the bucket goes into debt, to a bound, and is closed until that
/// is paid. The bound keeps one freak measurement from closing it for long.
struct TimeBucket: Sendable {
  /// From 0 to 1; nil is no limit.
  private(set) var share: Double?
  let burst: Int64
  private let debtLimit: Int64
  private var level: Int64
  private var filledAt: MonotonicTime

  init(share: Double?, burst: Duration, now: MonotonicTime) {
    self.burst = max(1, Int64(clamping: burst.clampedNanoseconds))
    debtLimit = self.burst.multipliedReportingOverflow(by: 4).partialValue
    self.share = share.map { min(max($0, 0), 1) }
    level = self.burst
    filledAt = now
  }

  /// Nanoseconds that may be spent now; negative in debt.
  mutating func available(_ now: MonotonicTime) -> Int64 {
    guard let share else { return .max }
    if now > filledAt {
      let gained = Double(now.nanoseconds - filledAt.nanoseconds) * share
      level = min(burst, level + Int64(min(gained, Double(burst + debtLimit))))
      filledAt = now
    }
    return level
  }

  mutating func spend(_ nanoseconds: Int64, _ now: MonotonicTime) {
    guard share != nil else { return }
    level = max(-debtLimit, available(now) - min(nanoseconds, burst + debtLimit))
  }

  /// Takes back what was set aside and not spent.
  mutating func giveBack(_ nanoseconds: Int64, _ now: MonotonicTime) {
    guard share != nil else { return }
    level = min(burst, available(now) + min(nanoseconds, burst + debtLimit))
  }

  /// When so much may have been spent, one after the other; no single step needs more than the burst.
  mutating func nextAt(_ nanoseconds: Int64, _ now: MonotonicTime) -> MonotonicTime {
    guard let share else { return now }
    let missing = nanoseconds - available(now)
    guard missing > 0 else { return now }
    guard share > 0 else { return .distantFuture }
    let wait = (Double(missing) / share).rounded(.up)
    return wait < 1e18 ? now + .nanoseconds(Int64(wait)) : .distantFuture
  }

  mutating func change(share: Double?, _ now: MonotonicTime) {
    level = min(available(now), burst)
    filledAt = max(filledAt, now)
    self.share = share.map { min(max($0, 0), 1) }
  }
}
