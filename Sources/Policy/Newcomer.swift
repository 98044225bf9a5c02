public import Basics

/// What is held of one that has connected and hasn't yet said what it would cost.
public enum Newcomer: UInt8, Sendable {
  /// Nothing: it hasn't been judged, or has taken too long to say.
  case unknown
  /// There is time for it whatever it says, and a place is kept for it until then.
  case expected
  /// The same of one that won't need a handshake.
  case expectedInTheClear
  /// There is time for it only if it is cheap.
  case hoped

  /// True exactly when a place is kept for it.
  public var hasPlace: Bool { self == .expected || self == .expectedInTheClear }
}

/// Whether to let somebody say what it is.
public enum Welcome: Hashable, Sendable {
  case expected
  case hoped
  /// Nothing that it could say would help, or hardly.
  case refused(AdmissionRefusal)

}

/// Of one listener and worker: how many are expected, and how often it is worth to hear somebody for whom there is
/// time only if it is cheap. That is as often as it has paid of late, and now and then to see whether it does again.
struct Newcomers {
  private(set) var expected = Expected()
  /// Those of them that a handshake is due to. A reload may have changed what the listener is since others came.
  private(set) var expectedHandshakes = Expected()
  /// How many of them come in time.
  private var showUp = ShowUpRate()
  /// The dearest class that the last of them could have been of.
  var dearest = HandshakeClass.plain
  /// The share of those hoped for that could stay. Nothing is known of a first herd, and were all of it heard, all its
  /// ClientHellos would be on their way before it were.
  private var paid = 0.0
  private var credit = 0.0

  private static let weight = 1.0 / 16
  /// One in so many is heard when that has never paid.
  private static let leastShare = 1.0 / 16
  private static let leastWeight = 1.0 / 16
  /// Where a quarter could stay, everyone is heard.
  private static let generosity = 4.0

  mutating func hears() -> Bool {
    credit += min(1, Self.leastShare + Self.generosity * paid)
    guard credit >= 1 else { return false }
    credit -= 1
    return true
  }

  /// Each weighs as much as it is to be found among the expected. But clients that are quick are learnt from too.
  mutating func learn(cameInTime: Bool, kept: Double) {
    showUp.learn(cameInTime, cameInTime ? max(kept, Self.leastWeight) : kept)
  }

  /// One more or less is expected, or none and another share of them comes in time. Returns by how much that changes both.
  mutating func expect(_ more: Int, handshakes: Int) -> (all: Expected, handshakes: Expected) {
    let before = (expected, expectedHandshakes)
    expected = Expected(expected.count + more, share: showUp.share)
    expectedHandshakes = Expected(expectedHandshakes.count + handshakes, share: showUp.share)
    assert(expectedHandshakes.count >= 0 && expectedHandshakes.count <= expected.count)
    return (expected - before.0, expectedHandshakes - before.1)
  }

  mutating func learn(stayed: Bool) { paid += ((stayed ? 1 : 0) - paid) * Self.weight }
}

/// The share of those expected of late that said in time what they are. Whoever has said so and has no place kept for it
/// stands behind no more of them than that: the slow and the silent would leave tokens unused else, for whose sake it
/// were refused. How many are heard doesn't depend on it, or a slow herd would be heard all at once.
struct ShowUpRate {
  private(set) var share = 1.0

  private static let weight = 1.0 / 64
  private static let least = 1.0 / 16

  mutating func learn(_ came: Bool, _ weight: Double) {
    share = max(Self.least, share + ((came ? 1 : 0) - share) * Self.weight * weight)
  }
}

/// Judging those that have only connected, so that nobody makes or reads a ClientHello in vain.
extension AdmissionController {
  /// Says whether one is to be heard. Whoever is expected has to `enter`, or its place to be given up by `forget`.
  ///
  /// - Parameter certificates: the listener's; nil where it is one in the clear.
  public mutating func welcome(
    listener: Int, certificates: HandshakeClass.Certificates?, patience: Duration, now: MonotonicTime
  ) -> Welcome {
    guard shared.waitingCount < shared.capacity else { return .refused(.roomFull) }
    let deadline = now + patience
    let dearest = certificates.map(budget.costs.dearest) ?? .plain
    newcomers[listener].dearest = dearest
    if hasTime(listener, dearest, .last, until: deadline, now) {
      expect(1, listener, isTLS: certificates != nil)
      return .expected
    }
    guard let certificates,
      hasTime(listener, budget.costs.cheapest(certificates), .last, until: deadline, now),
      newcomers[listener].hears()
    else {
      return .refused(.tooLong)
    }
    return .hoped
  }

  /// How many are expected in this worker.
  public var expectedCount: Int { newcomers.reduce(0) { $0 + $1.expected.count } }

  /// Gives up the place that was kept for one that hasn't said what it is.
  ///
  /// - Parameter kept: for what part, from 0 to 1, of the time for which one is kept at most. Those that go at once say nothing
  ///   of others; those that go, or drip, just before it is over have kept others out as if they had stayed.
  public mutating func forget(_ newcomer: Newcomer, listener: Int, kept: Double) {
    settle(newcomer, listener, cameInTime: false, kept)
  }

  mutating func settle(_ newcomer: Newcomer, _ listener: Int, cameInTime: Bool, _ kept: Double) {
    guard newcomer.hasPlace else { return }
    newcomers[listener].learn(cameInTime: cameInTime, kept: kept)
    expect(-1, listener, isTLS: newcomer == .expected)
  }

  private mutating func expect(_ more: Int, _ listener: Int, isTLS: Bool) {
    let change = newcomers[listener].expect(more, handshakes: isTLS ? more : 0)
    shared.process.expect(change.all)
    listeners[listener].expect(change.all)
    expectedHandshakes += change.handshakes
  }
}
