/// Chooses the backend for a connection. Pure: loads, turn and randomness are arguments.
public enum LoadBalancer {
  public enum Rule: Sendable {
    /// The fewest live connections for its weight; chance decides between equals.
    case leastConnections
    /// By turn, weights as shares.
    case roundRobin(turn: UInt64)
  }

  /// What is known of a backend.
  public struct Candidate: Sendable {
    public var connections: Int
    /// Its share among its like; 0 takes no new connections.
    public var weight: Int
    /// Live connections at most; nil is no limit.
    public var connectionsLimit: Int?
    /// True exactly when this connection has tried it already.
    public var isTried: Bool

    public init(connections: Int, weight: Int, connectionsLimit: Int? = nil, isTried: Bool = false) {
      self.connections = connections
      self.weight = weight
      self.connectionsLimit = connectionsLimit
      self.isTried = isTried
    }

    var isEligible: Bool { weight > 0 && !isTried && connectionsLimit.map { connections < $0 } ?? true }
  }

  /// - Returns: the index of the choice; nil when no candidate can take a connection.
  public static func choose(
    among candidates: [Candidate], by rule: Rule, using generator: inout some RandomNumberGenerator
  ) -> Int? {
    switch rule {
    case .leastConnections: leastLoaded(candidates, &generator)
    case .roundRobin(let turn): inTurn(candidates, turn)
    }
  }

  private static func leastLoaded(
    _ candidates: [Candidate], _ generator: inout some RandomNumberGenerator
  ) -> Int? {
    var best: Int?
    var equals: UInt64 = 0
    for (index, candidate) in candidates.enumerated() where candidate.isEligible {
      guard let champion = best else {
        (best, equals) = (index, 1)
        continue
      }
      // (connections + 1) / weight of both, compared without dividing.
      let mine = (candidate.connections + 1) * candidates[champion].weight
      let theirs = (candidates[champion].connections + 1) * candidate.weight
      if mine < theirs {
        (best, equals) = (index, 1)
      } else if mine == theirs {
        // Reservoir sampling: each of the equals is as likely.
        equals += 1
        if UInt64.random(in: 0..<equals, using: &generator) == 0 { best = index }
      }
    }
    return best
  }

  private static func inTurn(_ candidates: [Candidate], _ turn: UInt64) -> Int? {
    let eligible = candidates.indices.filter { candidates[$0].isEligible }
    let divisor = eligible.reduce(0) { greatestCommonDivisor($0, candidates[$1].weight) }
    guard divisor > 0 else { return nil }
    let total = eligible.reduce(0) { $0 + candidates[$1].weight / divisor }
    var place = Int(turn % UInt64(total)) * stride(total) % total
    for index in eligible {
      place -= candidates[index].weight / divisor
      if place < 0 { return index }
    }
    return nil
  }

  /// A step near the golden section of `total` and coprime to it: successive turns land far apart, and
  /// `total` turns visit every place once.
  private static func stride(_ total: Int) -> Int {
    var step = max(1, Int(Double(total) * 0.618))
    while greatestCommonDivisor(step, total) != 1 { step += 1 }
    return step
  }

  private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
  }
}
