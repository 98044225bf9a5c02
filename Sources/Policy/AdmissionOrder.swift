/// The order in which those that wait come to their turn: cheap classes first, oldest first within a class;
/// but one admission in eight goes to the oldest of all, so that none starves.
enum AdmissionOrder {
  /// So many may pass the oldest before it is its turn.
  static let passes = 7

  /// Where one stands of whom it is asked when its turn comes.
  enum Standing {
    /// In the room, the youngest of its class, and counted there.
    case waiting
    /// At its door.
    case entering
    /// Behind those that are expected, too.
    case last

    /// How many come before it, itself included, that aren't counted in the room.
    func uncounted(expected: Int) -> Int {
      switch self {
      case .waiting: 0
      case .entering: 1
      case .last: 1 + expected
      }
    }
  }

  /// The place in the queue, from 1, of one of a class that entered last of it.
  ///
  /// - Parameters:
  ///   - uncounted: how many are to be added, itself included.
  ///   - count: how many of a class wait.
  static func place(
    of c: HandshakeClass, _ costs: HandshakeCosts, uncounted: Int, count: (HandshakeClass) -> Int
  ) -> Int {
    var (notDearer, all) = (uncounted, uncounted)
    for other in HandshakeClass.each {
      let waiting = count(other)
      all += waiting
      if costs[other] <= costs[c] { notDearer += waiting }
    }
    return max(1, min(all, slowed(notDearer)))
  }

  /// With each seven of these, an eighth comes from elsewhere.
  static func slowed(_ work: Int) -> Int { work + (work + passes - 1) / passes }
}
