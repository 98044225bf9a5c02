public import Basics

/// How long those that are let in still have to wait for the worker's time until the server's part of their
/// handshake is over: a moving figure that most of them stay below. One per worker.
///
/// Two looks at it, of which the longer counts. What recent handshakes took, as a mean and twice the mean
/// deviation (the estimator of RFC 6298 section 2, there for round trips): near the ninetieth percentile. And
/// what the queue of this moment will take at the pace at which it has been served, because a handshake tells of
/// its wait only when that is over.
public struct HandshakeDelay: Sendable {
  /// Nanoseconds.
  private var mean = 0.0
  private var deviation = 0.0
  private var learntAt = MonotonicTime.zero
  /// Nanoseconds from one taken out of the queue to the next, while it wasn't empty.
  private var pace = 0.0
  private var servedAt: MonotonicTime?

  private static let weight = 1.0 / 8
  private static let paceWeight = 1.0 / 16
  /// A pause counts as at most so many times the pace, and a millisecond: one stall is no slow worker.
  private static let outlier = 8.0
  /// When no handshake has ended for the first, the figure halves in each of the second, nanoseconds. Without
  /// that a stall that let no one in would be the last that was ever learnt.
  private static let freshFor = 100e6
  private static let halfLife = 200e6
  /// A handshake comes to the queue with its ClientHello and again with its Finished.
  private static let passes = 2.0

  public init() {}

  /// - Parameter waited: in the queue and in crypto, all its turns together; without the network.
  public mutating func learn(waited: Duration, now: MonotonicTime) {
    let left = freshness(now)
    mean *= left
    deviation *= left
    learntAt = now
    let error = Double(waited.clampedNanoseconds) - mean
    deviation += (abs(error) - deviation) * Self.weight
    mean += error * Self.weight
  }

  /// One has been taken out of the queue at this time.
  public mutating func served(now: MonotonicTime) {
    if let servedAt {
      let sample = min(Double(now.since(servedAt).clampedNanoseconds), pace * Self.outlier + 1e6)
      pace += (sample - pace) * Self.paceWeight
    }
    servedAt = now
  }

  /// Nobody is queued any more: what passes until somebody is says nothing of the pace.
  public mutating func ranEmpty() { servedAt = nil }

  /// What one that is let in now will have to wait, with so many queued before it.
  public func expected(queued: Int, now: MonotonicTime) -> Duration {
    let learnt = (mean + 2 * deviation) * freshness(now)
    let foreseen = Double(queued) * pace * Self.passes
    return .nanoseconds(Int64(min(max(learnt, foreseen), 1e15)))
  }

  /// How much of what was learnt still counts, from 0 to 1: a curve of straight lines from one half-life to the
  /// next.
  private func freshness(_ now: MonotonicTime) -> Double {
    let age = Double(now.since(learntAt).clampedNanoseconds) - Self.freshFor
    guard age > 0 else { return 1 }
    let halvings = min((age / Self.halfLife).rounded(.down), 60)
    let rest = min(age / Self.halfLife - halvings, 1)
    return (1 - rest / 2) / Double(UInt64(1) << UInt64(halvings))
  }
}
