public import Basics

/// Choosing whose turn it is.
extension AdmissionController {
  /// What to do next about those that wait. To be asked until it says `wait` or `idle`, or the turn is full.
  public mutating func next(now: MonotonicTime) -> AdmissionAction {
    guard room.count > 0 else { return .idle }
    if let hopeless = nextHopeless(now) { return hopeless }
    let survey = survey(now)
    guard let (candidate, isPass) = survey.candidate(turns, budget.costs) else {
      return .wait(until: survey.lookAgain)
    }
    let c = handshakeClass(candidate.lane)
    guard budget.canStart(c, now: now) else {
      let startsAt = budget.nextAt(c, now: now)
      // Who needs no time isn't kept waiting for want of it; the turn stays with the other.
      guard let plain = survey.head(.plain) else {
        // Others may take the tokens that this worker has no time for.
        publishNobody()
        return .wait(until: min(startsAt, survey.overAt))
      }
      return tryAdmit(plain, .plain, isPass: true, survey, orAt: startsAt, now)
    }
    return tryAdmit(candidate, c, isPass: isPass, survey, orAt: .distantFuture, now)
  }

  private mutating func tryAdmit(
    _ visitor: WaitingRoom.Visitor, _ c: HandshakeClass, isPass: Bool, _ survey: Survey,
    orAt other: MonotonicTime, _ now: MonotonicTime
  ) -> AdmissionAction {
    guard survey.mayTake else { return .wait(until: min(survey.lookAgain, other)) }
    if let retry = take(listener(visitor.lane), now) {
      return .wait(until: min(retry, survey.overAt, other))
    }
    return admit(visitor, c, isPass: isPass, now)
  }

  private mutating func admit(
    _ visitor: WaitingRoom.Visitor, _ c: HandshakeClass, isPass: Bool, _ now: MonotonicTime
  ) -> AdmissionAction {
    let removed = remove(visitor.slot)
    assert(removed == visitor && admissibleUntil(visitor) >= now, "nobody is admitted past its patience")
    if turns.isDue && !isPass { counts.bypasses += 1 }
    turns.admitted(c, isPass: isPass)
    let waited = now.since(visitor.enteredAt)
    counts.admitted += 1
    counts.waitMax = max(counts.waitMax, waited)
    return .admit(
      Admission(
        slot: visitor.slot, reservation: budget.start(c, now: now), waited: waited, foreseen: foreseen))
  }

  /// Takes a token of the listener and of the process; nil when both were there, else when to try again.
  private func take(_ listener: Int, _ now: MonotonicTime) -> MonotonicTime? {
    let soon = now + .milliseconds(1)
    guard case .admitted = listeners[listener].limiter.admit(now: now) else { return soon }
    guard case .wait(let until) = shared.process.limiter.admit(now: now) else { return nil }
    listeners[listener].limiter.refund()
    return max(until, now + .microseconds(1))
  }

  // MARK: - Patience

  /// Refuses one that has outlived its patience, or that will: the youngest of its lane, whom others may
  /// have overtaken since, or whose rate a reload has lowered.
  private mutating func nextHopeless(_ now: MonotonicTime) -> AdmissionAction? {
    for lane in 0..<room.laneCount {
      guard let first = room.first(lane), admissibleUntil(first) < now else { continue }
      return refuse(first, first.deadline < now ? .patienceOver : .tooLong)
    }
    guard now >= sweptAt + Self.sweepInterval else { return nil }
    for lane in 0..<room.laneCount {
      if let last = room.last(lane), isHopeless(last, now) { return refuse(last, .tooLong) }
    }
    sweptAt = now
    return nil
  }

  private static var sweepInterval: Duration { .milliseconds(5) }

  /// Taken with a grain of salt, since the expected time counts this one as the youngest of all workers'.
  private mutating func isHopeless(_ visitor: WaitingRoom.Visitor, _ now: MonotonicTime) -> Bool {
    let expected = expectedAt(listener(visitor.lane), handshakeClass(visitor.lane), .waiting, now)
    let wait = expected.since(now).clampedNanoseconds
    return wait - wait / 8 > admissibleUntil(visitor).since(now).clampedNanoseconds
  }

  private mutating func refuse(
    _ visitor: WaitingRoom.Visitor, _ reason: AdmissionRefusal
  ) -> AdmissionAction {
    let removed = remove(visitor.slot)
    assert(removed == visitor)
    counts.add(reason)
    return .refuse(visitor.slot, reason)
  }

  // MARK: - The choice

  /// Looks at the head of each lane whose listener has tokens for this worker, once.
  private func survey(_ now: MonotonicTime) -> Survey {
    var survey = Survey(now: now)
    for index in listeners.indices {
      let gate = listeners[index]
      let oldest = oldestEntry(index)
      gate.publish(oldest, worker: worker)
      guard let oldest else { continue }
      let isReady = survey.hasToken(gate, worker, oldest)
      for c in HandshakeClass.each {
        guard let head = room.first(lane(index, c)) else { continue }
        survey.noteDeadline(admissibleUntil(head))
        if isReady { survey.consider(head, c) }
      }
    }
    shared.process.publish(survey.oldest?.enteredAt, worker: worker)
    if let oldest = survey.oldest {
      survey.mayTake = survey.hasToken(shared.process, worker, oldest.enteredAt)
    }
    return survey
  }

  /// When the listener's oldest in this worker entered.
  private func oldestEntry(_ listener: Int) -> MonotonicTime? {
    var oldest: MonotonicTime?
    for c in HandshakeClass.each {
      guard let head = room.first(lane(listener, c)) else { continue }
      oldest = min(oldest ?? head.enteredAt, head.enteredAt)
    }
    return oldest
  }
}
