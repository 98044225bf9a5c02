import Basics
import Policy
import Testing

/// Workers that share a rate.
@Suite struct AdmissionGateTests {
  private func pair(_ limit: RateLimit) -> (AdmissionShared, AdmissionController, AdmissionController) {
    let shared = AdmissionShared(limit, workers: 2, capacity: 1000, returns: ReturnSlots())
    let gate = AdmissionGate(.unlimited, workers: 2)
    func worker(_ index: Int, _ share: Double?) -> AdmissionController {
      AdmissionController(
        worker: index, shared: shared, listeners: [gate], slots: 1000,
        budget: HandshakeBudget(share: share, now: at(1)))
    }
    return (shared, worker(0, nil), worker(1, 0.5))
  }

  private func spend(_ shared: AdmissionShared, _ now: MonotonicTime) {
    while shared.process.limiter.admit(now: now) == .admitted {}
  }

  private func isAdmitted(_ action: AdmissionAction) -> Bool {
    if case .admit = action { true } else { false }
  }

  @Test func theWorkerWithTheOldestGoesFirst() {
    var (shared, one, other) = pair(RateLimit(100, burst: 10))
    spend(shared, at(1))
    #expect(other.enter(slot(1), listener: 0, .plain, patience: .seconds(3), now: at(1)) == .waiting)
    _ = other.next(now: at(1))
    #expect(one.enter(slot(1), listener: 0, .plain, patience: .seconds(3), now: at(1.015)) == .waiting)
    #expect(one.next(now: at(1.02)) == .wait(until: at(1.021)))
    #expect(isAdmitted(other.next(now: at(1.02))))
    #expect(isAdmitted(one.next(now: at(1.021))))
  }

  @Test func noTokenIsWastedOnAWorkerThatIsSlowToCome() {
    var (shared, one, other) = pair(RateLimit(100, burst: 10))
    spend(shared, at(1))
    #expect(other.enter(slot(1), listener: 0, .plain, patience: .seconds(3), now: at(1)) == .waiting)
    _ = other.next(now: at(1))
    #expect(one.enter(slot(1), listener: 0, .plain, patience: .seconds(3), now: at(1.01)) == .waiting)
    #expect(!isAdmitted(one.next(now: at(1.049))))
    #expect(isAdmitted(one.next(now: at(1.05))))
  }

  @Test func aWorkerWithoutTimeForHandshakesHoldsUpNoOther() {
    var (shared, one, other) = pair(RateLimit(100, burst: 10))
    spend(shared, at(1))
    other.budget.charge(.tls13RSA, nanoseconds: 100_000_000, now: at(1))
    #expect(other.enter(slot(1), listener: 0, .tls13RSA, patience: .seconds(3), now: at(1)) == .waiting)
    _ = other.next(now: at(1.01))
    #expect(one.enter(slot(1), listener: 0, .plain, patience: .seconds(3), now: at(1.015)) == .waiting)
    #expect(isAdmitted(one.next(now: at(1.02))))
  }

  @Test func whatIsForetoldCountsThoseThatWaitElsewhere() {
    var (shared, one, other) = pair(RateLimit(100, burst: 1))
    spend(shared, at(1))
    for index in 0..<50 {
      #expect(other.enter(slot(index), listener: 0, .plain, patience: .seconds(3), now: at(1)) == .waiting)
    }
    #expect(shared.waitingCount == 50)
    #expect(one.expectedWait(listener: 0, .plain, now: at(1)) == .milliseconds(510))
    #expect(
      one.enter(slot(1), listener: 0, .plain, patience: .milliseconds(500), now: at(1)) == .refused(.tooLong))
  }
}
