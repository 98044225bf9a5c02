internal import Basics

/// Time in sixteenths of a nanosecond, which reach 36 years after boot. All arithmetic saturates.
enum Instant {
  static let units: UInt64 = 16

  static func of(_ time: MonotonicTime) -> UInt64 { multiply(time.nanoseconds, units) }

  /// The first whole nanosecond that isn't before.
  static func time(_ instant: UInt64) -> MonotonicTime {
    instant == .max ? .distantFuture : MonotonicTime(nanoseconds: (instant + (units - 1)) / units)
  }

  static func add(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    // The last sixteen are kept apart from `never`, so that `time` can round up.
    return overflow || sum > .max - units ? .max : sum
  }

  static func subtract(_ a: UInt64, _ b: UInt64) -> UInt64 { a > b ? a - b : 0 }

  static func multiply(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow || product > .max - units ? .max : product
  }
}

/// The generic cell rate algorithm (ITU-T I.371, annex A) as arithmetic over one number, the *arrival*: the
/// instant at which the next would come if all came evenly. One may pass as long as that isn't further ahead
/// than the burst allows. In any window there pass at most `burst` + rate x window.
struct RateTerms: Hashable, Sendable {
  var interval: UInt64
  /// How far the arrival may lie ahead: the burst but for one, in time.
  var tolerance: UInt64

  init(interval: UInt64, tolerance: UInt64) {
    self.interval = interval
    self.tolerance = tolerance
  }

  init(_ limit: RateLimit) {
    interval = limit.interval
    tolerance = limit.burst > 1 ? Instant.multiply(limit.burst - 1, limit.interval) : 0
  }

  var isUnlimited: Bool { interval == 0 }
  /// The arrival of a limiter that has rested for long.
  var arrivalAtRest: UInt64 { interval == .max ? .max : 0 }

  /// The arrival after one more has passed; nil when it may not.
  func admitting(_ arrival: UInt64, at instant: UInt64) -> UInt64? {
    if interval == 0 { return arrival }
    guard arrival != .max, arrival <= Instant.add(instant, tolerance) else { return nil }
    return Instant.add(max(arrival, instant), interval)
  }

  /// When the `count`th from now may pass at the earliest.
  func next(_ arrival: UInt64, at instant: UInt64, count: UInt64) -> UInt64 {
    if interval == 0 { return instant }
    let ahead = Instant.multiply(count - 1, interval)
    let due = Instant.add(max(arrival, instant), ahead)
    return due == .max ? .max : max(instant, Instant.subtract(due, tolerance))
  }

  /// How many may pass at this instant.
  func available(_ arrival: UInt64, at instant: UInt64) -> UInt64 {
    guard interval > 0 else { return .max }
    let reach = Instant.add(instant, tolerance)
    let ahead = max(arrival, instant)
    return ahead == .max || ahead > reach ? 0 : (reach - ahead) / interval + 1
  }

  /// The arrival under other terms that gives no more than what is left now, and no more than their burst.
  func arrival(_ arrival: UInt64, under other: RateTerms, at instant: UInt64) -> UInt64 {
    if other.interval == .max { return .max }
    if other.interval == 0 { return instant }
    let left = min(Self.left(self, arrival, instant), Double(other.tolerance) / Double(other.interval) + 1)
    let full = Instant.add(Instant.add(instant, other.tolerance), other.interval)
    let given = UInt64(max(0, left * Double(other.interval)).rounded(.down))
    return Instant.subtract(full, given)
  }

  /// Tokens left, in parts too. Without a limit nothing was counted: one, so that a reload isn't a burst.
  private static func left(_ terms: RateTerms, _ arrival: UInt64, _ instant: UInt64) -> Double {
    if terms.interval == 0 { return 1 }
    if terms.interval == .max { return 0 }
    let full = Instant.add(Instant.add(instant, terms.tolerance), terms.interval)
    return Double(Instant.subtract(full, max(arrival, instant))) / Double(terms.interval)
  }
}
