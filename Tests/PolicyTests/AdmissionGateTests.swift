import Basics
import Policy
import Testing

/// Workers that share a rate.
@Suite struct AdmissionGateTests {
  /// Two workers; the other one's handshakes are limited.
  private struct Pair: ~Copyable {
    let shared: AdmissionShared
    var one: AdmissionController
    var other: AdmissionController

    init(_ limit: RateLimit) {
      shared = AdmissionShared(limit, workers: 2, capacity: 1000, returns: ReturnSlots())
      let gates = [AdmissionGate(.unlimited, workers: 2)]
      one = AdmissionController(
        worker: 0, shared: shared, listeners: gates, slots: 1000,
        budget: HandshakeBudget(share: nil, now: at(1)))
      other = AdmissionController(
        worker: 1, shared: shared, listeners: gates, slots: 1000,
        budget: HandshakeBudget(share: 0.5, now: at(1)))
    }
  }

  private func spend(_ shared: AdmissionShared, _ now: MonotonicTime) {
    while shared.process.limiter.admit(now: now) == .admitted {}
  }

  private func isAdmitted(_ action: AdmissionAction) -> Bool {
    if case .admit = action { true } else { false }
  }

  @Test func theWorkerWithTheOldestGoesFirst() {
    var pair = Pair(RateLimit(100, burst: 10))
    spend(pair.shared, at(1))
    #expect(pair.other.enter(slot(1), listener: 0, .plain, patience: .seconds(3), now: at(1)) == .waiting)
    _ = pair.other.next(now: at(1))
    #expect(pair.one.enter(slot(1), listener: 0, .plain, patience: .seconds(3), now: at(1.015)) == .waiting)
    #expect(pair.one.next(now: at(1.02)) == .wait(until: at(1.021)))
    #expect(isAdmitted(pair.other.next(now: at(1.02))) == true)
    #expect(isAdmitted(pair.one.next(now: at(1.021))) == true)
  }

  @Test func noTokenIsWastedOnAWorkerThatIsSlowToCome() {
    var pair = Pair(RateLimit(100, burst: 10))
    spend(pair.shared, at(1))
    #expect(pair.other.enter(slot(1), listener: 0, .plain, patience: .seconds(3), now: at(1)) == .waiting)
    _ = pair.other.next(now: at(1))
    #expect(pair.one.enter(slot(1), listener: 0, .plain, patience: .seconds(3), now: at(1.01)) == .waiting)
    #expect(isAdmitted(pair.one.next(now: at(1.049))) == false)
    #expect(isAdmitted(pair.one.next(now: at(1.05))) == true)
  }

  @Test func aWorkerWithoutTimeForHandshakesHoldsUpNoOther() {
    var pair = Pair(RateLimit(100, burst: 10))
    spend(pair.shared, at(1))
    pair.other.budget.charge(.tls13RSA, nanoseconds: 100_000_000, now: at(1))
    #expect(pair.other.enter(slot(1), listener: 0, .tls13RSA, patience: .seconds(3), now: at(1)) == .waiting)
    _ = pair.other.next(now: at(1.01))
    #expect(pair.one.enter(slot(1), listener: 0, .plain, patience: .seconds(3), now: at(1.015)) == .waiting)
    #expect(isAdmitted(pair.one.next(now: at(1.02))) == true)
  }

  @Test func whatIsForetoldCountsThoseThatWaitElsewhere() {
    var pair = Pair(RateLimit(100, burst: 1))
    spend(pair.shared, at(1))
    for index in 0..<50 {
      #expect(
        pair.other.enter(slot(index), listener: 0, .plain, patience: .seconds(3), now: at(1)) == .waiting)
    }
    #expect(pair.shared.waitingCount == 50)
    #expect(pair.one.expectedWait(listener: 0, .plain, now: at(1)) == .milliseconds(510))
    #expect(
      pair.one.enter(slot(1), listener: 0, .plain, patience: .milliseconds(500), now: at(1))
        == .refused(.tooLong))
  }
}
