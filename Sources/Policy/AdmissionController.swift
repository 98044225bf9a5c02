public import Basics

/// Decides for one worker who may come in and when: the waiting room ahead of the process's and the
/// listeners' connection rates and of the worker's handshake budget.
///
/// A connection enters when its class is known, leaves when its client is gone, and between those the worker
/// asks `next` in each turn. No one is admitted past its patience, of which what the handshake is expected to
/// wait for the worker is taken off; whoever would outlive it is refused as soon as that is known. While anybody
/// waits, every token is used.
public struct AdmissionController: ~Copyable {
  let worker: Int
  let shared: AdmissionShared
  /// By the number that the worker has given each listener.
  var listeners: [AdmissionGate]
  var room: WaitingRoom
  public var budget: HandshakeBudget
  /// Waiting in this worker, by class.
  var waiting = InlineArray<7, Int> { _ in 0 }
  /// This worker's newcomers, by listener.
  var newcomers: [Newcomers]
  /// How many of them are expected.
  var expected = 0
  /// And of those, for a handshake: only these take the worker's time for them.
  var expectedHandshakes = 0
  var turns = AdmissionTurns()
  /// When it was last looked for those that would outlive their patience.
  var sweptAt = MonotonicTime.zero
  /// How long handshakes wait behind the room.
  public var handshakeDelay = HandshakeDelay()
  /// What that came to when it was last looked: the part of a TLS client's patience that isn't the room's.
  public private(set) var margin = Duration.zero
  var foreseen = HandshakeDelay.Foreseen()
  public internal(set) var counts = AdmissionCounts()

  /// - Parameters:
  ///   - worker: from 0, below the shared number of workers.
  ///   - slots: of the worker's table of connections.
  public init(
    worker: Int, shared: AdmissionShared, listeners: [AdmissionGate], slots: Int, budget: HandshakeBudget
  ) {
    precondition(worker >= 0 && worker < shared.workers)
    self.worker = worker
    self.shared = shared
    self.listeners = listeners
    self.budget = budget
    newcomers = Array(repeating: Newcomers(), count: listeners.count)
    room = WaitingRoom(slots: slots, lanes: max(1, listeners.count) * HandshakeClass.count)
  }

  /// Puts a connection into the room, or says why not.
  ///
  /// - Parameters:
  ///   - listener: index into the listeners' gates.
  ///   - newcomer: what was held of it before it had said what it is. No longer.
  ///   - patience: how long it may be from now until the server's part of its handshake is over.
  public mutating func enter(
    _ slot: SlotID, listener: Int, _ c: HandshakeClass, as newcomer: Newcomer = .unknown, patience: Duration,
    now: MonotonicTime
  ) -> Entrance {
    forget(newcomer, listener: listener)
    guard shared.waitingCount < shared.capacity else { return refuse(.roomFull) }
    let deadline = now + patience
    if newcomer == .hoped { learnOfHoped(listener, c, patience: patience, now) }
    let isInTime = hasTime(listener, c, .entering, until: deadline, now)
    guard isInTime, newcomer.hasPlace || mayTakePlace(listener, c, patience: patience, now) else {
      return refuse(.tooLong)
    }
    room.enter(slot, lane: lane(listener, c), now: now, deadline: deadline)
    waiting[c.rawValue] += 1
    shared.process.entered(c)
    listeners[listener].entered(c)
    return .waiting
  }

  /// True exactly when one for whom no place is kept may come in: behind all that are expected, or where the room is nearly
  /// empty. Not all that are expected come, and tokens would be left for the sake of the silent: the first quarter of the
  /// patience (and the burst) is for whoever comes.
  private mutating func mayTakePlace(
    _ listener: Int, _ c: HandshakeClass, patience: Duration, _ now: MonotonicTime
  ) -> Bool {
    hasTime(listener, c, .last, until: now + patience, now)
      || hasTime(listener, c, .entering, until: now + patience / Self.firstPart, now)
  }

  static var firstPart: Int { 4 }

  /// Takes out a connection whose client has gone, or that is closed for another reason. False when it
  /// doesn't wait.
  @discardableResult
  public mutating func leave(_ slot: SlotID) -> Bool {
    guard remove(slot) != nil else { return false }
    counts.gone += 1
    return true
  }

  /// Looks anew how much of their patience those that wait will need behind the room. To be asked before `next`.
  ///
  /// - Parameter queued: handshakes that haven't begun and wait for the worker's time.
  public mutating func foresee(queued: Int, now: MonotonicTime) {
    foreseen = handshakeDelay.foreseen(queued: queued, now: now)
    margin = handshakeDelay.expected(foreseen, now: now)
  }

  public func contains(_ slot: SlotID) -> Bool { room.visitor(slot) != nil }

  /// How many wait in this worker.
  public var waitingCount: Int { room.count }

  /// How long the oldest in this worker has waited.
  public func longestWait(now: MonotonicTime) -> Duration { room.oldestEntry.map { now.since($0) } ?? .zero }

  /// The time until one that entered now would be admitted, in this worker.
  public mutating func expectedWait(listener: Int, _ c: HandshakeClass, now: MonotonicTime) -> Duration {
    expectedAt(listener, c, .entering, now).since(now)
  }

  /// Takes other settings. Whoever waits stays, and listeners keep their numbers: there may be more of them,
  /// and one that is closed keeps its place.
  public mutating func reload(listeners: [AdmissionGate], handshakeShare: Double?, now: MonotonicTime) {
    precondition(listeners.count >= self.listeners.count, "a listener's number is for good")
    for (index, gate) in listeners.enumerated() where index < self.listeners.count {
      moveCounts(of: index, to: gate)
    }
    self.listeners = listeners
    while newcomers.count < listeners.count { newcomers.append(Newcomers()) }
    room.addLanes(to: listeners.count * HandshakeClass.count)
    budget.change(share: handshakeShare, now: now)
  }

  /// Reserves a slot for one that is refused, and tells how long from now it is.
  ///
  /// They are called back while the room still holds some, so that it never runs empty between.
  /// - Parameters:
  ///   - rounding: what they are told is later than that by so much on average.
  ///   - soonest: nobody can come earlier. Were slots reckoned from before that, their holders would come all at once then.
  public mutating func reserveReturn(
    listener: Int, _ c: HandshakeClass, patience: Duration, rounding: Duration = .zero,
    soonest: Duration = .zero, now: MonotonicTime, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    let admitted = max(expectedAt(listener, c, .entering, now), now + soonest)
    let early = min(
      (patience / 2 + rounding).clampedNanoseconds, admitted.since(now).clampedNanoseconds)
    let from =
      admitted == .distantFuture
      ? now : MonotonicTime(nanoseconds: admitted.nanoseconds - early)
    return shared.returns.reserve(
      perSecond: rate(listener, c, now), from: from, now: now, using: &generator)
  }

  // MARK: - What the parts share

  func lane(_ listener: Int, _ c: HandshakeClass) -> Int { listener * HandshakeClass.count + c.rawValue }
  func listener(_ lane: Int) -> Int { lane / HandshakeClass.count }
  func handshakeClass(_ lane: Int) -> HandshakeClass {
    HandshakeClass(rawValue: lane % HandshakeClass.count)!
  }

  /// A plain connection has nothing to wait for behind the room.
  func margin(_ c: HandshakeClass) -> Duration { c == .plain ? .zero : margin }

  /// The last instant at which one that waits may be let in; in the past, when there is no time left for it.
  func admissibleUntil(_ visitor: WaitingRoom.Visitor) -> MonotonicTime {
    let margin = margin(handshakeClass(visitor.lane)).clampedNanoseconds
    let deadline = visitor.deadline.nanoseconds
    return MonotonicTime(nanoseconds: deadline > margin ? deadline - margin : 0)
  }

  mutating func remove(_ slot: SlotID) -> WaitingRoom.Visitor? {
    guard let visitor = room.leave(slot) else { return nil }
    let c = handshakeClass(visitor.lane)
    waiting[c.rawValue] -= 1
    shared.process.left(c)
    listeners[listener(visitor.lane)].left(c)
    if room.count == 0 { publishNobody() }
    return visitor
  }

  mutating func expectedAt(
    _ listener: Int, _ c: HandshakeClass, _ standing: AdmissionOrder.Standing, _ now: MonotonicTime
  ) -> MonotonicTime {
    let costs = budget.costs
    let rates = max(
      shared.process.expectedAt(c, costs, standing, now: now),
      listeners[listener].expectedAt(c, costs, standing, now: now))
    return max(rates, budget.nextAt(nanoseconds: work(c, standing), now: now), servedAt(c, standing, now))
  }

  /// True exactly when one of this class would be through in time.
  mutating func hasTime(
    _ listener: Int, _ c: HandshakeClass, _ standing: AdmissionOrder.Standing, until deadline: MonotonicTime,
    _ now: MonotonicTime
  ) -> Bool {
    expectedAt(listener, c, standing, now) + margin(c) <= deadline
  }

  /// When a worker that is behind with its handshakes comes to one of this class.
  private func servedAt(
    _ c: HandshakeClass, _ standing: AdmissionOrder.Standing, _ now: MonotonicTime
  ) -> MonotonicTime {
    guard c != .plain else { return now }
    let interval = handshakeDelay.interval(now)
    guard interval >= 1 else { return now }
    let uncounted = standing.uncounted(expected: expectedHandshakes)
    let place = AdmissionOrder.place(
      of: c, budget.costs, uncounted: uncounted, waiting: { $0 == .plain ? 0 : waiting[$0.rawValue] })
    return now + .nanoseconds(Int64(min(Double(place) * interval, 1e15)))
  }

  func publishNobody() {
    shared.process.publish(nil, worker: worker)
    for gate in listeners { gate.publish(nil, worker: worker) }
  }

  private mutating func refuse(_ reason: AdmissionRefusal) -> Entrance {
    counts.add(reason)
    return .refused(reason)
  }

  /// Nanoseconds of handshakes until one of this class is through.
  private func work(_ c: HandshakeClass, _ standing: AdmissionOrder.Standing) -> UInt64 {
    let costs = budget.costs
    // It passes those that wait for the worker's time.
    guard costs[c] > 0 else { return 0 }
    let uncounted = standing.uncounted(expected: expectedHandshakes)
    return UInt64(
      AdmissionOrder.ahead(
        of: c, costs, uncounted: uncounted, waiting: { waiting[$0.rawValue] }, weight: { Int(costs[$0]) }))
  }

  /// How many of those that are refused can be admitted in a second: the least of all budgets.
  private func rate(_ listener: Int, _ c: HandshakeClass, _ now: MonotonicTime) -> Double {
    var rates = min(shared.process.limiter.perSecond, listeners[listener].limiter.perSecond)
    let interval = handshakeDelay.interval(now)
    if c != .plain && interval >= 1 { rates = min(rates, Double(shared.workers) * 1e9 / interval) }
    var (count, nanoseconds) = (1.0, Double(budget.costs[c]))
    for other in HandshakeClass.each {
      count += Double(waiting[other.rawValue])
      nanoseconds += Double(waiting[other.rawValue]) * Double(budget.costs[other])
    }
    guard let share = budget.share, nanoseconds > 0 else { return rates }
    return min(rates, share * 1e9 * count / nanoseconds * Double(shared.workers))
  }

  private func moveCounts(of listener: Int, to gate: AdmissionGate) {
    let old = listeners[listener]
    guard old !== gate else { return }
    for c in HandshakeClass.each {
      for _ in 0..<room.count(lane(listener, c)) {
        old.left(c)
        gate.entered(c)
      }
    }
    old.expect(-newcomers[listener].expected)
    gate.expect(newcomers[listener].expected)
    old.publish(nil, worker: worker)
  }
}
