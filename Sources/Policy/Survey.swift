internal import Basics

/// What the heads of a worker's lanes show at an instant.
struct Survey {
  private(set) var oldest: WaitingRoom.Visitor?
  /// The oldest of each class.
  private var heads = InlineArray<7, WaitingRoom.Visitor?> { _ in nil }
  /// When the first of the heads has outlived its patience.
  private(set) var overAt = MonotonicTime.distantFuture
  /// When there may be a token that is lacking now.
  private var tokenAt = MonotonicTime.distantFuture
  /// True exactly when the process has a token for this worker.
  var mayTake = false
  let now: MonotonicTime

  init(now: MonotonicTime) { self.now = now }

  /// True exactly when the gate has a token, and it isn't another worker's turn to take it.
  mutating func hasToken(_ gate: AdmissionGate, _ worker: Int, _ oldest: MonotonicTime) -> Bool {
    let due = gate.limiter.nextAt(now)
    guard due <= now else {
      tokenAt = min(tokenAt, due)
      return false
    }
    if gate.isTurn(of: worker, oldest: oldest, now: now) { return true }
    // Nobody tells a worker when its turn has come.
    tokenAt = min(tokenAt, now + .milliseconds(1))
    return false
  }

  mutating func consider(_ head: WaitingRoom.Visitor, _ c: HandshakeClass) {
    if oldest.map({ head.enteredAt < $0.enteredAt }) ?? true { oldest = head }
    if heads[c.rawValue].map({ head.enteredAt < $0.enteredAt }) ?? true { heads[c.rawValue] = head }
  }

  mutating func noteDeadline(_ deadline: MonotonicTime) { overAt = min(overAt, deadline + .nanoseconds(1)) }

  /// The oldest of a class.
  func head(_ c: HandshakeClass) -> WaitingRoom.Visitor? { heads[c.rawValue] }

  /// Whose turn it is, and whether it passes any that are dearer.
  func candidate(_ turns: AdmissionTurns, _ costs: HandshakeCosts) -> (WaitingRoom.Visitor, isPass: Bool)? {
    var cheapest: (head: WaitingRoom.Visitor, cost: UInt64)?
    for c in HandshakeClass.each {
      guard let head = heads[c.rawValue] else { continue }
      let cost = costs[c]
      let isNext =
        cheapest.map {
          cost < $0.cost || cost == $0.cost && head.enteredAt < $0.head.enteredAt
        } ?? true
      if isNext { cheapest = (head, cost) }
    }
    guard let cheapest else { return nil }
    var dearer: (head: WaitingRoom.Visitor, servedAt: UInt64)?
    for c in HandshakeClass.each where costs[c] > cheapest.cost {
      guard let head = heads[c.rawValue] else { continue }
      let servedAt = turns.servedAt(c)
      if dearer.map({ servedAt < $0.servedAt }) ?? true { dearer = (head, servedAt) }
    }
    guard let dearer else { return (cheapest.head, isPass: false) }
    return turns.isDue ? (dearer.head, isPass: false) : (cheapest.head, isPass: true)
  }

  /// When to look again if nothing changes.
  var lookAgain: MonotonicTime { min(overAt, tokenAt) }
}

/// Who has been let in of late, so that it is each class's turn at times.
struct AdmissionTurns {
  /// How many have been let in ahead of dearer ones, since it was last the turn of one of these.
  private var passes = 0
  private var count: UInt64 = 0
  private var last = InlineArray<7, UInt64> { _ in 0 }

  var isDue: Bool { passes >= AdmissionOrder.passes }

  /// When one of the class was last let in, in a count of all; 0 when none was.
  func servedAt(_ c: HandshakeClass) -> UInt64 { last[c.rawValue] }

  mutating func admitted(_ c: HandshakeClass, isPass: Bool) {
    count += 1
    last[c.rawValue] = count
    passes = isPass ? passes + 1 : 0
  }
}
