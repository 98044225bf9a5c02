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
  var expected = 0
  /// The dearest class that the last of them could have been of.
  var dearest = HandshakeClass.plain
  /// The share of those hoped for that could stay. Nothing is known of a first herd, and were all of it heard, all its
  /// ClientHellos would be on their way before it were.
  private var paid = 0.0
  private var credit = 0.0

  private static let weight = 1.0 / 16
  /// One in so many is heard when that has never paid.
  private static let leastShare = 1.0 / 16
  /// Where a quarter could stay, everyone is heard.
  private static let generosity = 4.0

  mutating func hears() -> Bool {
    credit += min(1, Self.leastShare + Self.generosity * paid)
    guard credit >= 1 else { return false }
    credit -= 1
    return true
  }

  mutating func learn(stayed: Bool) { paid += ((stayed ? 1 : 0) - paid) * Self.weight }
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
  public var expectedCount: Int { expected }

  /// Gives up the place that was kept for one.
  public mutating func forget(_ newcomer: Newcomer, listener: Int) {
    if newcomer.hasPlace { expect(-1, listener, isTLS: newcomer == .expected) }
  }

  private mutating func expect(_ more: Int, _ listener: Int, isTLS: Bool) {
    shared.process.expect(more)
    listeners[listener].expect(more)
    newcomers[listener].expected += more
    expected += more
    if isTLS { expectedHandshakes += more }
    assert(newcomers[listener].expected >= 0)
    assert(expectedHandshakes >= 0 && expectedHandshakes <= expected)
  }
}
