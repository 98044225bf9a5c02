/// The order in which those that wait come to their turn: cheap classes first, oldest first within a class; but each
/// eighth admission goes to those that are dearer, to each class of them by turns, so that none starves.
enum AdmissionOrder {
  /// So many of the cheapest may pass those that are dearer before it is the turn of one of these.
  static let passes = 7

  /// Where one stands of whom it is asked when its turn comes.
  enum Standing {
    /// In the room, the youngest of its class, and counted there.
    case waiting
    /// At its door.
    case entering
    /// Behind those that are expected, too.
    case last
    /// Behind no more of them than so many: the others are another listener's.
    case behind(Int)

    /// How many come before it, itself included, that aren't counted in the room.
    func uncounted(expected: Int) -> Int {
      switch self {
      case .waiting: 0
      case .entering: 1
      case .last: 1 + expected
      case .behind(let most): 1 + min(most, expected)
      }
    }
  }

  /// What is ahead of one that entered last of its class, itself included: how many, or how much work.
  ///
  /// - Parameters:
  ///   - uncounted: how many of its class are to be added, itself included.
  ///   - waiting: how many of a class wait.
  ///   - weight: what one of a class counts.
  static func ahead(
    of c: HandshakeClass, _ costs: HandshakeCosts, uncounted: Int, waiting: (HandshakeClass) -> Int,
    weight: (HandshakeClass) -> Int
  ) -> Int {
    let own = uncounted * weight(c)
    var (notDearer, all, count) = (own, own, uncounted)
    // Of the classes that wait: the heaviest that is cheaper, and all that are dearer.
    var heaviest = 0
    var (dearer, dearerWeight) = (0, 0)
    var cheapest = c
    for other in HandshakeClass.each {
      let waits = waiting(other)
      guard waits > 0 else { continue }
      let work = waits * weight(other)
      all += work
      if costs[other] > costs[c] {
        dearer += 1
        dearerWeight += weight(other)
        continue
      }
      notDearer += work
      count += waits
      if costs[other] < costs[c] { heaviest = max(heaviest, weight(other)) }
      if costs[other] < costs[cheapest] { cheapest = other }
    }
    // With each seven of these comes one that is dearer, of each such class by turns.
    let turns = (count + passes - 1) / passes
    let theirs = dearer > 0 ? (turns * dearerWeight + dearer - 1) / dearer : 0
    let ahead = min(all, notDearer + theirs)
    guard costs[cheapest] < costs[c] else { return ahead }
    // In each round one of each class that is dearer than the cheapest has its turn. When those are through that are the
    // cheapest now, others take their place, and these may be heavier.
    var round = 0
    for other in HandshakeClass.each
    where other == c || waiting(other) > 0 && costs[other] > costs[cheapest] {
      round += passes * heaviest + weight(other)
    }
    return min(ahead, (waiting(c) + uncounted) * round)
  }

  /// The place in the queue, from 1, of one that entered last of its class.
  static func place(
    of c: HandshakeClass, _ costs: HandshakeCosts, uncounted: Int, waiting: (HandshakeClass) -> Int
  ) -> Int {
    max(1, ahead(of: c, costs, uncounted: uncounted, waiting: waiting) { _ in 1 })
  }
}
