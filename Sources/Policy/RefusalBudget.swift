public import Basics

/// How much of a worker's time refusals that a client can read may take, and how many may be on their way to their
/// clients. Past either a refusal comes before TLS.
public struct RefusalBudget: Sendable {
  private var bucket: TimeBucket
  /// Nanoseconds that a readable refusal takes beyond its handshake, as a moving mean.
  public private(set) var cost: Double = 20_000
  private static let weight = 1.0 / 16
  /// Begun and not yet said.
  public private(set) var underWay = 0
  /// So many may be as the share makes in this time: some round trips. Clients that take longer to hear it have no
  /// time for handshakes in vain.
  private static let saidWithin = 250_000_000.0

  /// - Parameter share: of the worker's time, from 0 to 1; nil is no limit.
  public init(share: Double?, burst: Duration = .milliseconds(10), now: MonotonicTime) {
    bucket = TimeBucket(share: share, burst: burst, now: now)
  }

  /// True exactly when a refusal may be readable.
  ///
  /// - Parameter handshake: nanoseconds that its handshake will cost; 0 once that is done.
  public mutating func canAfford(handshake: UInt64, now: MonotonicTime) -> Bool {
    if let share = bucket.share, Double(underWay) * (Double(handshake) + cost) >= share * Self.saidWithin {
      return false
    }
    return bucket.available(now)
      >= min(Int64(min(handshake, UInt64(bucket.burst))) + Int64(cost), bucket.burst)
  }

  /// One is to be refused so that it can read it.
  ///
  /// - Parameter handshake: nanoseconds that are set aside at once: a herd would be through the budget before the first
  ///   handshake has shown its cost.
  public mutating func begin(handshake: UInt64, now: MonotonicTime) {
    underWay += 1
    bucket.spend(Int64(clamping: handshake), now)
  }

  /// It has been, or has gone. Once for each that began.
  public mutating func end() {
    underWay -= 1
    assert(underWay >= 0)
  }

  /// Charges what saying it took beyond the handshake, and learns from it.
  public mutating func charge(refusal nanoseconds: UInt64, now: MonotonicTime) {
    bucket.spend(Int64(clamping: nanoseconds), now)
    cost += (min(Double(nanoseconds), cost * 8 + 1000) - cost) * Self.weight
  }

  /// Takes back what was charged for a handshake that didn't come.
  public mutating func giveBack(nanoseconds: UInt64, now: MonotonicTime) {
    bucket.giveBack(Int64(clamping: nanoseconds), now)
  }

  public mutating func change(share: Double?, now: MonotonicTime) { bucket.change(share: share, now) }
}
