internal import Basics

/// What the heads of a worker's lanes show at an instant.
struct Survey {
  private(set) var oldest: WaitingRoom.Visitor?
  private(set) var cheapest: WaitingRoom.Visitor?
  private var cost = UInt64.max
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

  mutating func consider(_ head: WaitingRoom.Visitor, cost: UInt64) {
    if oldest.map({ head.enteredAt < $0.enteredAt }) ?? true { oldest = head }
    let isEarlier = cheapest.map { head.enteredAt < $0.enteredAt } ?? true
    guard cost < self.cost || (cost == self.cost && isEarlier) else { return }
    cheapest = head
    self.cost = cost
  }

  mutating func noteDeadline(_ deadline: MonotonicTime) { overAt = min(overAt, deadline + .nanoseconds(1)) }

  func candidate(_ passes: Int) -> WaitingRoom.Visitor? {
    passes >= AdmissionOrder.passes ? oldest : cheapest
  }

  /// When to look again if nothing changes.
  var lookAgain: MonotonicTime { min(overAt, tokenAt) }
}
