public import Basics

/// How long those that are let in still have to wait for the worker's time until the server's part of their
/// handshake is over: a moving figure that most of them stay below. One per worker.
///
/// What the queue of the moment will take at the pace at which it is served is foreseen, because a handshake tells
/// of its wait only when that is over. By how much that has been wrong of late is learnt and added: the mean of
/// the errors and twice their mean deviation (the estimator of RFC 6298 section 2, there for round trips), which
/// is near the ninetieth percentile.
public struct HandshakeDelay: Sendable {
  /// What was foreseen for one that was let in. Microseconds; saturates at 71 minutes.
  public struct Foreseen: Hashable, Sendable {
    var microseconds: UInt32 = 0

    public init() {}
  }

  /// Of the errors, nanoseconds.
  private var mean = 0.0
  private var deviation = 0.0
  private var learntAt = MonotonicTime.zero
  /// Nanoseconds from one taken out of the queue to the next, while it wasn't empty; and when that was last seen.
  private var pace = 0.0
  private var pacedAt = MonotonicTime.zero
  private var servedAt: MonotonicTime?

  private static let weight = 1.0 / 8
  private static let paceWeight = 1.0 / 16
  /// A pause counts as at most so many times the pace, and a millisecond: one stall is no slow worker.
  private static let outlier = 8.0
  /// When nothing has been learnt for the first, what was halves in each of the second, nanoseconds. Without
  /// that a stall that let no one in would be the last that was ever learnt.
  private static let freshFor = 100e6
  private static let halfLife = 200e6

  public init() {}

  /// - Parameters:
  ///   - waited: in the queue and in crypto, all its turns together; without the network.
  ///   - foreseen: for it, when it was let in.
  public mutating func learn(waited: Duration, foreseen: Foreseen, now: MonotonicTime) {
    let left = freshness(learntAt, now)
    mean *= left
    deviation *= left
    learntAt = now
    let sample = Double(waited.clampedNanoseconds) - Double(foreseen.microseconds) * 1000
    let error = sample - mean
    deviation += (abs(error) - deviation) * Self.weight
    mean += error * Self.weight
  }

  /// One that hadn't begun has been taken out of the queue at this time.
  public mutating func served(now: MonotonicTime) {
    if let servedAt {
      let sample = min(Double(now.since(servedAt).clampedNanoseconds), pace * Self.outlier + 1e6)
      pace += (sample - pace) * Self.paceWeight
      pacedAt = now
    }
    servedAt = now
  }

  /// Nobody is queued any more: what passes until somebody is says nothing of the pace.
  public mutating func ranEmpty() { servedAt = nil }

  /// How long one will wait that is let in now, with so many queued that haven't begun.
  public func foreseen(queued: Int, now: MonotonicTime) -> Foreseen {
    var foreseen = Foreseen()
    foreseen.microseconds = UInt32(min(Double(queued) * interval(now) / 1000, Double(UInt32.max)))
    return foreseen
  }

  /// Nanoseconds from one handshake to the next that the worker can begin, as far as it is behind with them; near 0
  /// when it keeps up.
  func interval(_ now: MonotonicTime) -> Double { pace * freshness(pacedAt, now) }

  /// How long hardly any will wait for whom that is foreseen.
  public func expected(_ foreseen: Foreseen, now: MonotonicTime) -> Duration {
    let error = max(0, mean + 2 * deviation) * freshness(learntAt, now)
    return .nanoseconds(Int64(min(Double(foreseen.microseconds) * 1000 + error, 1e15)))
  }

  /// How much of what was learnt then still counts, from 0 to 1: a curve of straight lines from one half-life to the
  /// next.
  private func freshness(_ learntAt: MonotonicTime, _ now: MonotonicTime) -> Double {
    let age = Double(now.since(learntAt).clampedNanoseconds) - Self.freshFor
    guard age > 0 else { return 1 }
    let halvings = min((age / Self.halfLife).rounded(.down), 60)
    let rest = min(age / Self.halfLife - halvings, 1)
    return (1 - rest / 2) / Double(UInt64(1) << UInt64(halvings))
  }
}
