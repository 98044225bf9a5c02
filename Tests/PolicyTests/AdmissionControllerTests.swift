import Basics
import Policy
import Testing

@Suite struct AdmissionControllerTests {
  private func controller(
    _ limit: RateLimit = RateLimit(1000, burst: 20), listeners: [RateLimit] = [.unlimited],
    share: Double? = nil, capacity: Int = 10_000
  ) -> AdmissionController {
    let shared = AdmissionShared(limit, workers: 1, capacity: capacity, returns: ReturnSlots())
    return AdmissionController(
      worker: 0, shared: shared, listeners: listeners.map { AdmissionGate($0, workers: 1) }, slots: 10_000,
      budget: HandshakeBudget(share: share, now: at(1)))
  }

  /// Drains what may go on at a time.
  private func admitted(_ controller: inout AdmissionController, _ now: MonotonicTime) -> [Int] {
    var slots: [Int] = []
    while case .admit(let admission) = controller.next(now: now) { slots.append(Int(admission.slot.index)) }
    return slots
  }

  @Test func whoComesToAnEmptyRoomIsLetInAtOnce() {
    var controller = controller()
    #expect(controller.next(now: at(1)) == .idle)
    #expect(controller.enter(slot(3), listener: 0, .tls13RSA, patience: .seconds(1), now: at(1)) == .waiting)
    guard case .admit(let admission) = controller.next(now: at(1)) else { return #expect(Bool(false)) }
    #expect(admission.slot == slot(3) && admission.waited == .zero)
    #expect(controller.next(now: at(1)) == .idle)
    #expect(controller.counts.admitted == 1)
  }

  @Test func cheapClassesGoFirstAndTheOldestWithinAClass() {
    var controller = controller(RateLimit(1000, burst: 1))
    let classes: [HandshakeClass] = [.tls13RSA, .plain, .tls12Resumed, .tls13RSA, .plain, .tls13Resumed]
    #expect(controller.enter(slot(9), listener: 0, .plain, patience: .seconds(9), now: at(1)) == .waiting)
    #expect(admitted(&controller, at(1)) == [9])
    for (index, c) in classes.enumerated() {
      #expect(controller.enter(slot(index), listener: 0, c, patience: .seconds(9), now: at(1)) == .waiting)
    }
    var order: [Int] = []
    for turn in 1...6 { order += admitted(&controller, at(1 + Double(turn) / 1000)) }
    #expect(order == [1, 4, 2, 5, 0, 3])
  }

  @Test func oneInEightGoesToTheOldest() {
    var controller = controller(RateLimit(1000, burst: 1))
    #expect(controller.enter(slot(0), listener: 0, .tls13RSA, patience: .seconds(9), now: at(1)) == .waiting)
    var order: [Int] = []
    for turn in 1...40 {
      let now = at(1 + Double(turn) / 1000)
      #expect(controller.enter(slot(turn), listener: 0, .plain, patience: .seconds(9), now: now) == .waiting)
      #expect(
        controller.enter(slot(turn + 100), listener: 0, .plain, patience: .seconds(9), now: now) == .waiting)
      order += admitted(&controller, now)
    }
    #expect(order.firstIndex(of: 0) == 7)
    #expect(controller.counts.bypasses > 0)
  }

  @Test func whoWouldOutliveItsPatienceIsRefusedAtOnce() {
    var controller = controller(RateLimit(100, burst: 10))
    var waiting = 0
    for index in 0..<1000 {
      let entrance = controller.enter(slot(index), listener: 0, .plain, patience: .seconds(2), now: at(1))
      if entrance == .waiting { waiting += 1 } else { #expect(entrance == .refused(.tooLong)) }
    }
    #expect(waiting == 210)
    #expect(controller.expectedWait(listener: 0, .plain, now: at(1)) == .milliseconds(2010))
    var passed = 0
    for turn in 0...400 { passed += admitted(&controller, at(1 + Double(turn) / 200)).count }
    #expect(passed == 210)
    #expect(controller.counts.patienceOver == 0)
  }

  @Test func patienceIsHeldAgainstTheWorkOfHandshakesToo() {
    var controller = controller(.unlimited, share: 0.5)
    var waiting = 0
    for index in 0..<5000 {
      let entrance = controller.enter(slot(index), listener: 0, .tls13RSA, patience: .seconds(1), now: at(1))
      if entrance == .waiting { waiting += 1 }
    }
    // (1 s x 50 % + 20 ms) of 370 us each.
    #expect((1390...1410).contains(waiting))
    #expect(controller.enter(slot(6000), listener: 0, .plain, patience: .zero, now: at(1)) == .waiting)
  }

  @Test func aRoomHasACapacity() {
    var controller = controller(capacity: 3)
    for index in 0..<3 {
      #expect(
        controller.enter(slot(index), listener: 0, .plain, patience: .seconds(2), now: at(1)) == .waiting)
    }
    #expect(
      controller.enter(slot(3), listener: 0, .plain, patience: .seconds(2), now: at(1)) == .refused(.roomFull)
    )
    #expect(controller.leave(slot(1)) == true)
    #expect(controller.enter(slot(3), listener: 0, .plain, patience: .seconds(2), now: at(1)) == .waiting)
  }

  @Test func whoIsGoneTakesNoToken() {
    var controller = controller(RateLimit(100, burst: 10))
    for index in 0..<50 {
      #expect(
        controller.enter(slot(index), listener: 0, .plain, patience: .seconds(2), now: at(1)) == .waiting)
    }
    for index in 0..<45 { #expect(controller.leave(slot(index)) == true) }
    #expect(controller.leave(slot(0)) == false)
    #expect(admitted(&controller, at(1)) == [45, 46, 47, 48, 49])
    #expect(controller.counts.gone == 45)
  }

  @Test func aLowerRateRefusesThoseItLeavesNoTimeFor() {
    let shared = AdmissionShared(RateLimit(100, burst: 1), workers: 1, capacity: 1000, returns: ReturnSlots())
    var controller = AdmissionController(
      worker: 0, shared: shared, listeners: [AdmissionGate(.unlimited, workers: 1)], slots: 1000,
      budget: HandshakeBudget(share: nil, now: at(1)))
    for index in 0..<100 {
      #expect(
        controller.enter(slot(index), listener: 0, .plain, patience: .seconds(1), now: at(1)) == .waiting)
    }
    shared.change(RateLimit(10, burst: 1), capacity: 1000, now: at(1))
    var (refused, passed) = (0, 0)
    for turn in 0...1100 {
      let now = at(1 + Double(turn) / 1000)
      loop: while true {
        switch controller.next(now: now) {
        case .refuse(_, .tooLong): refused += 1
        case .refuse(_, .patienceOver), .refuse(_, .roomFull): #expect(now > at(1.8))
        case .admit: passed += 1
        case .wait, .idle: break loop
        }
      }
      if turn == 20 { #expect(refused >= 87) }
    }
    #expect((10...11).contains(passed))
    #expect(controller.waitingCount == 0)
  }

  @Test func aListenersLimitHoldsUpNobodyElse() {
    var controller = controller(RateLimit(1000, burst: 100), listeners: [RateLimit(1, burst: 1), .unlimited])
    for index in 0..<5 {
      #expect(
        controller.enter(slot(index), listener: 0, .plain, patience: .seconds(5), now: at(1)) == .waiting)
      #expect(
        controller.enter(slot(index + 100), listener: 1, .tls13RSA, patience: .seconds(5), now: at(1))
          == .waiting)
    }
    #expect(admitted(&controller, at(1)) == [0, 100, 101, 102, 103, 104])
    #expect(controller.next(now: at(1.5)) == .wait(until: at(2)))
    #expect(admitted(&controller, at(2)) == [1])
  }

  @Test func itTellsWhenToLookAgain() {
    var controller = controller(RateLimit(10, burst: 1))
    for index in 0..<2 {
      #expect(
        controller.enter(slot(index), listener: 0, .plain, patience: .seconds(5), now: at(1)) == .waiting)
    }
    #expect(admitted(&controller, at(1)) == [0])
    #expect(controller.next(now: at(1)) == .wait(until: at(1.1)))
    #expect(controller.longestWait(now: at(1.05)) == .milliseconds(50))
  }

  @Test func whenTheBudgetIsSpentItWaitsForItAndPlainOnesGoOn() {
    var controller = controller(.unlimited, share: 0.1)
    controller.budget.charge(.tls13RSA, nanoseconds: 20_000_000, now: at(1))
    #expect(controller.enter(slot(0), listener: 0, .tls13RSA, patience: .seconds(5), now: at(1)) == .waiting)
    #expect(controller.enter(slot(1), listener: 0, .plain, patience: .seconds(5), now: at(1)) == .waiting)
    #expect(admitted(&controller, at(1)) == [1])
    guard case .wait(let until) = controller.next(now: at(1)) else { return #expect(Bool(false)) }
    #expect(until > at(1) && until < at(1.02))
    #expect(admitted(&controller, until) == [0])
  }

  @Test func thoseToldToReturnComeWhenThereIsRoomAgain() {
    var generator = SeededGenerator.told()
    var controller = controller(RateLimit(100, burst: 10))
    var index = 0
    while controller.enter(slot(index), listener: 0, .plain, patience: .seconds(2), now: at(1)) == .waiting {
      index += 1
    }
    var told: [Duration] = []
    for _ in 0..<300 {
      told.append(
        controller.reserveReturn(listener: 0, .plain, patience: .seconds(2), now: at(1), using: &generator))
    }
    // From half of the patience before the room is empty, a hundredth of a second each.
    #expect(told[0] >= .milliseconds(750) && told[0] <= .milliseconds(1270))
    #expect(told[299] >= .milliseconds(3740) && told[299] <= .milliseconds(4260))
  }

  @Test func whoIsToldInWholeSecondsHasASlotThatMuchEarlier() {
    var generator = SeededGenerator.told()
    var controller = controller(RateLimit(100, burst: 10))
    var index = 0
    while controller.enter(slot(index), listener: 0, .plain, patience: .seconds(2), now: at(1)) == .waiting {
      index += 1
    }
    let told = controller.reserveReturn(
      listener: 0, .plain, patience: .seconds(2), rounding: .milliseconds(500), now: at(1), using: &generator)
    #expect(told >= .milliseconds(250) && told <= .milliseconds(770))
    // Never before now, however short the wait.
    let soon = controller.reserveReturn(
      listener: 0, .plain, patience: .seconds(2), rounding: .seconds(60), now: at(1), using: &generator)
    #expect(soon >= .zero && soon <= .milliseconds(1270))
  }

  @Test func aReloadKeepsThoseThatWait() {
    let shared = AdmissionShared(RateLimit(0), workers: 1, capacity: 1000, returns: ReturnSlots())
    let (first, second) = (AdmissionGate(.unlimited, workers: 1), AdmissionGate(.unlimited, workers: 1))
    var controller = AdmissionController(
      worker: 0, shared: shared, listeners: [first], slots: 100,
      budget: HandshakeBudget(share: nil, now: at(1)))
    shared.change(RateLimit(1, burst: 1), capacity: 1000, now: at(1))
    #expect(controller.enter(slot(0), listener: 0, .plain, patience: .seconds(9), now: at(1)) == .waiting)
    controller.reload(listeners: [second, first], handshakeShare: 0.5, now: at(1))
    #expect(first.waitingCount == 0 && second.waitingCount == 1)
    #expect(controller.enter(slot(1), listener: 1, .plain, patience: .seconds(9), now: at(1)) == .waiting)
    shared.change(RateLimit(1000, burst: 50), capacity: 1000, now: at(1))
    #expect(admitted(&controller, at(1.5)) == [0, 1])
    #expect(shared.waitingCount == 0 && first.waitingCount == 0 && second.waitingCount == 0)
  }
}
