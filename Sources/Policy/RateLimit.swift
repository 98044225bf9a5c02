/// How many may pass in how long, and how many of them at once.
public struct RateLimit: Hashable, Sendable {
  /// Sixteenths of a nanosecond between two; 0 exactly without a limit, `UInt64.max` when none may pass.
  /// Rounded up, so that the limit is never exceeded; at 10 million a second that costs 0.06 % at most.
  let interval: UInt64
  /// How many may pass at once after a rest. At least 1, unless none may pass.
  public let burst: UInt64

  public static let unlimited = RateLimit(interval: 0, burst: 1)

  private init(interval: UInt64, burst: UInt64) {
    self.interval = interval
    self.burst = burst
  }

  /// `count` in each `period`; with a count of 0 none passes at all.
  ///
  /// A worker looks at the limit once a turn. What falls due between two looks is kept up to `burst`, so a
  /// burst of less than some 20 ms of the rate wastes tokens; without one it is a tenth of a second's worth.
  public init(_ count: Int, per period: Duration = .seconds(1), burst: Int? = nil) {
    let nanoseconds = Self.nanoseconds(period)
    guard count > 0, nanoseconds > 0 else {
      self.init(interval: .max, burst: 0)
      return
    }
    let (units, overflow) = nanoseconds.multipliedReportingOverflow(by: Instant.units)
    let interval = overflow ? UInt64.max : (units - 1) / UInt64(count) + 1
    let tenth = 100_000_000 * Instant.units / interval
    self.init(interval: interval, burst: max(1, burst.map { UInt64(max($0, 0)) } ?? tenth))
  }

  /// So many times as much, in rate and burst.
  func times(_ factor: Int) -> RateLimit {
    if interval == 0 || interval == .max { return self }
    return RateLimit(
      interval: max(1, (interval - 1) / UInt64(factor) + 1), burst: Instant.multiply(burst, UInt64(factor)))
  }

  public var isUnlimited: Bool { interval == 0 }

  /// How many a second; infinite without a limit.
  public var perSecond: Double { Self.perSecond(interval: interval) }

  static func perSecond(interval: UInt64) -> Double {
    if interval == 0 { return .infinity }
    return interval == .max ? 0 : 1e9 * Double(Instant.units) / Double(interval)
  }

  private static func nanoseconds(_ period: Duration) -> UInt64 {
    let (seconds, attoseconds) = period.components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max / Instant.units : whole &+ UInt64(attoseconds) / 1_000_000_000
  }
}
