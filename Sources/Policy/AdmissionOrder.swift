/// The order in which those that wait come to their turn: cheap classes first, oldest first within a class;
/// but one admission in eight goes to the oldest of all, so that none starves.
enum AdmissionOrder {
  /// So many may pass the oldest before it is its turn.
  static let passes = 7

  /// The place in the queue, from 1, of one of a class that entered last of it.
  ///
  /// - Parameters:
  ///   - isIn: true exactly when it is counted already.
  ///   - count: how many of a class wait.
  static func place(
    of c: HandshakeClass, _ costs: HandshakeCosts, isIn: Bool, count: (HandshakeClass) -> Int
  ) -> Int {
    var (notDearer, all) = (isIn ? 0 : 1, isIn ? 0 : 1)
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
