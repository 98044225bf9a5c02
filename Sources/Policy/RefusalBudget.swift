public import Basics

/// How much of a worker's time refusals that a client can read may take. Past it a refusal comes before TLS.
public struct RefusalBudget: Sendable {
  private var bucket: TimeBucket
  /// Nanoseconds that a readable refusal takes beyond its handshake, as a moving mean.
  public private(set) var cost: Double = 20_000
  private static let weight = 1.0 / 16

  /// - Parameter share: of the worker's time, from 0 to 1; nil is no limit.
  public init(share: Double?, burst: Duration = .milliseconds(10), now: MonotonicTime) {
    bucket = TimeBucket(share: share, burst: burst, now: now)
  }

  /// True exactly when a refusal may be readable.
  ///
  /// - Parameter handshake: nanoseconds that its handshake will cost; 0 once that is done.
  public mutating func canAfford(handshake: UInt64, now: MonotonicTime) -> Bool {
    bucket.available(now) >= min(Int64(min(handshake, UInt64(bucket.burst))) + Int64(cost), bucket.burst)
  }

  /// - Parameter nanoseconds: CPU that a refusal took, its handshake's included if that was for the refusal.
  public mutating func charge(nanoseconds: UInt64, now: MonotonicTime) {
    bucket.spend(Int64(clamping: nanoseconds), now)
  }

  /// Charges a refusal and learns its cost beyond the handshake.
  public mutating func charge(refusal nanoseconds: UInt64, now: MonotonicTime) {
    charge(nanoseconds: nanoseconds, now: now)
    cost += (min(Double(nanoseconds), cost * 8 + 1000) - cost) * Self.weight
  }

  /// Takes back what was charged for a handshake that didn't come.
  public mutating func giveBack(nanoseconds: UInt64, now: MonotonicTime) {
    bucket.giveBack(Int64(clamping: nanoseconds), now)
  }

  public mutating func change(share: Double?, now: MonotonicTime) { bucket.change(share: share, now) }
}
