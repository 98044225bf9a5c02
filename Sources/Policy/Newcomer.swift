public import Basics

/// What is held of one that has connected and hasn't yet said what it would cost.
public enum Newcomer: UInt8, Sendable {
  /// Nothing: it hasn't been judged, is to be told, or has taken too long to say.
  case unknown
  /// There is time for it whatever it says, and a place is kept for it until then.
  case expected
  /// The same of one that won't need a handshake.
  case expectedInTheClear
  /// There is time for it if it is of some class, and not if it is of another.
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
/// time only if it is of some class (a cheap one, as a rule). That is as often as it has paid of late, and now and then to
/// see whether it does again.
struct Newcomers {
  var expected = 0
  /// The listener's certificates, when it last was asked for one.
  var certificates = HandshakeClass.Certificates()
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
    let prospects: Prospects
    if let certificates {
      newcomers[listener].certificates = certificates
      prospects = self.prospects(listener, certificates, patience: patience, now)
    } else {
      prospects = hasPlace(listener, .plain, patience: patience, now) ? .good : .none
    }
    switch prospects {
    case .good:
      expect(1, listener, isTLS: certificates != nil)
      return .expected
    case .mixed where newcomers[listener].hears(): return .hoped
    case .mixed, .none: return .refused(.tooLong)
    }
  }

  /// Whether there is time for one that hasn't said yet which class it is of: for each, for some, or for none.
  private enum Prospects { case good, mixed, none }

  private mutating func prospects(
    _ listener: Int, _ certificates: HandshakeClass.Certificates, patience: Duration, _ now: MonotonicTime
  ) -> Prospects {
    var (some, every) = (false, true)
    for c in HandshakeClass.each where c.comes(of: certificates) && (every || !some) {
      if hasPlace(listener, c, patience: patience, now) { some = true } else { every = false }
    }
    return every ? .good : some ? .mixed : .none
  }

  /// True exactly when a place may be kept for one. Where the room is nearly empty it stands behind this listener's own alone:
  /// what the clients of another one keep and don't use is no loss to these. But all together are promised no more than
  /// twice what there is.
  private mutating func hasPlace(
    _ listener: Int, _ c: HandshakeClass, patience: Duration, _ now: MonotonicTime
  ) -> Bool {
    let own = listeners[listener].expectedCount
    if hasTime(listener, c, .last, until: now + patience, now) { return true }
    return own < shared.process.expectedCount
      && hasTime(listener, c, .behind(own), until: now + patience / Self.firstPart, now)
      && hasTime(listener, c, .last, until: now + patience * 2, now)
  }

  /// By the measure that those hoped for are heard by. Where a place has become free meanwhile, nothing is learnt of what being
  /// of such a class is worth.
  mutating func learnOfHoped(_ listener: Int, _ c: HandshakeClass, patience: Duration, _ now: MonotonicTime) {
    let certificates = newcomers[listener].certificates
    guard prospects(listener, certificates, patience: patience, now) != .good else { return }
    newcomers[listener].learn(stayed: hasPlace(listener, c, patience: patience, now))
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
