public import Basics

/// How much of a worker's time handshakes may take: a share of it, in nanoseconds of CPU. One per worker.
///
/// A handshake begins with a reservation of what its class is expected to cost, because many begin before the
/// first has ended, and is settled with what it did cost.
public struct HandshakeBudget: Sendable {
  /// What was set aside for a handshake. Settle each once.
  public struct Reservation: Hashable, Sendable {
    public let handshakeClass: HandshakeClass
    /// Saturates at 4.2 s.
    let nanoseconds: UInt32
  }

  private var bucket: TimeBucket
  public private(set) var costs = HandshakeCosts()

  /// - Parameters:
  ///   - share: of the worker's time, from 0 to 1; nil is no limit.
  ///   - burst: what a rest may save up.
  public init(share: Double?, burst: Duration = .milliseconds(20), now: MonotonicTime) {
    bucket = TimeBucket(share: share, burst: burst, now: now)
  }

  /// True exactly when a handshake of this class may begin. Plain connections always may.
  public mutating func canStart(_ c: HandshakeClass, now: MonotonicTime) -> Bool {
    c == .plain || bucket.available(now) >= need(c)
  }

  /// Sets aside what the handshake will cost.
  public mutating func start(_ c: HandshakeClass, now: MonotonicTime) -> Reservation {
    let cost = costs[c]
    bucket.spend(Int64(clamping: cost), now)
    return Reservation(handshakeClass: c, nanoseconds: UInt32(clamping: cost))
  }

  /// - Parameters:
  ///   - measuredAs: the class that the handshake turned out to be; nil when it failed midway, of which
  ///     nothing is learnt.
  ///   - nanoseconds: CPU that it took.
  public mutating func settle(
    _ reservation: Reservation, measuredAs c: HandshakeClass?, nanoseconds: UInt64, now: MonotonicTime
  ) {
    let difference = Int64(clamping: nanoseconds) - Int64(reservation.nanoseconds)
    if difference > 0 { bucket.spend(difference, now) } else { bucket.giveBack(-difference, now) }
    if let c { costs.learn(c, nanoseconds: nanoseconds) }
  }

  /// Charges a handshake that had no reservation.
  public mutating func charge(_ c: HandshakeClass, nanoseconds: UInt64, now: MonotonicTime) {
    bucket.spend(Int64(clamping: nanoseconds), now)
    costs.learn(c, nanoseconds: nanoseconds)
  }

  /// When a handshake of this class may begin, if no other does before.
  public mutating func nextAt(_ c: HandshakeClass, now: MonotonicTime) -> MonotonicTime {
    c == .plain ? now : bucket.nextAt(need(c), now)
  }

  /// When so much work will have been paid for.
  mutating func nextAt(nanoseconds: UInt64, now: MonotonicTime) -> MonotonicTime {
    nanoseconds == 0 ? now : bucket.nextAt(Int64(clamping: nanoseconds), now)
  }

  /// Nanoseconds that may be spent now; negative in debt, `Int64.max` without a limit.
  public mutating func available(now: MonotonicTime) -> Int64 { bucket.available(now) }

  public var share: Double? { bucket.share }

  public mutating func change(share: Double?, now: MonotonicTime) { bucket.change(share: share, now) }

  /// Never more than the bucket can hold, or such a class could never begin.
  private func need(_ c: HandshakeClass) -> Int64 { min(Int64(clamping: costs[c]), bucket.burst) }
}
