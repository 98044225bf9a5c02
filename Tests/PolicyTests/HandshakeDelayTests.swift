import Basics
import Policy
import Testing

@Suite struct HandshakeDelayTests {
  @Test func nobodyHasWaitedYet() {
    #expect(HandshakeDelay().expected(.init(), now: at(1)) == .zero)
    #expect(HandshakeDelay().foreseen(queued: 5000, now: at(1)) == .init())
  }

  @Test func mostHandshakesWaitNoLongerThanItSays() {
    var generator = SeededGenerator.told()
    var delay = HandshakeDelay()
    var (longer, sum) = (0, 0.0)
    for turn in 0..<5000 {
      let now = at(1 + Double(turn) / 100)
      let waited =
        Double.random(in: 0.01...0.2, using: &generator) * Double.random(in: 0...1, using: &generator)
      if turn >= 100, waited > delay.expected(.init(), now: now).inSeconds { longer += 1 }
      if turn >= 100 { sum += delay.expected(.init(), now: now).inSeconds }
      delay.learn(waited: .seconds(waited), foreseen: .init(), now: now)
    }
    // The ninetieth percentile is 0.111 s.
    #expect((150...900).contains(longer), "\(longer) of 4900")
    #expect((0.09...0.17).contains(sum / 4900), "\(sum / 4900)")
  }

  @Test func aLongQueueTellsBeforeItsHandshakesCan() {
    var delay = HandshakeDelay()
    for turn in 0..<200 { delay.served(now: at(1 + Double(turn) * 0.004)) }
    // Through a queue of 100 at 4 ms each.
    let expected = delay.expected(delay.foreseen(queued: 100, now: at(1.8)), now: at(1.8)).inSeconds
    #expect((0.39...0.41).contains(expected), "\(expected)")
  }

  /// What is foreseen rightly isn't added to; what is foreseen too short is made longer, as long as it is.
  @Test func itLearnsWhatItForesawWrongly() {
    var delay = HandshakeDelay()
    for turn in 0..<200 { delay.served(now: at(1 + Double(turn) * 0.004)) }
    let foreseen = delay.foreseen(queued: 100, now: at(1.8))
    for _ in 0..<50 { delay.learn(waited: .milliseconds(400), foreseen: foreseen, now: at(2)) }
    let right = delay.expected(foreseen, now: at(2)).inSeconds
    #expect((0.39...0.42).contains(right), "\(right)")
    for _ in 0..<50 { delay.learn(waited: .milliseconds(700), foreseen: foreseen, now: at(2)) }
    let longer = delay.expected(foreseen, now: at(2)).inSeconds
    #expect((0.69...0.75).contains(longer), "\(longer)")
    for _ in 0..<50 { delay.learn(waited: .milliseconds(100), foreseen: foreseen, now: at(2)) }
    let shorter = delay.expected(foreseen, now: at(2)).inSeconds
    #expect((0.39...0.42).contains(shorter), "\(shorter)")
  }

  @Test func theTimeThatNobodyWasQueuedIsNoPace() {
    var delay = HandshakeDelay()
    for turn in 0..<200 {
      delay.served(now: at(1 + Double(turn)))
      delay.served(now: at(1.001 + Double(turn)))
      delay.ranEmpty()
    }
    let expected = delay.expected(delay.foreseen(queued: 100, now: at(200.001)), now: at(201)).inSeconds
    #expect((0.09...0.11).contains(expected), "\(expected)")
  }

  /// A worker that keeps up sees no pace, and what it was when it was behind must not hold anybody up.
  @Test func aPaceThatIsSeenNoMoreIsForgotten() {
    var delay = HandshakeDelay()
    for turn in 0..<200 { delay.served(now: at(1 + Double(turn) * 0.004)) }
    delay.ranEmpty()
    for turn in 0..<200 {
      delay.served(now: at(2 + Double(turn) / 100))
      delay.ranEmpty()
    }
    #expect(delay.expected(delay.foreseen(queued: 100, now: at(4)), now: at(4)) < .milliseconds(1))
  }

  @Test func aWorkerThatIsBehindRefusesWhomItWouldCometoTooLate() {
    let shared = AdmissionShared(.unlimited, workers: 2, capacity: 1000, returns: ReturnSlots(jitter: .zero))
    var controller = AdmissionController(
      worker: 0, shared: shared, listeners: [AdmissionGate(.unlimited, workers: 2)], slots: 1000,
      budget: HandshakeBudget(share: nil, now: at(1)))
    for turn in 0..<200 { controller.handshakeDelay.served(now: at(1 + Double(turn) * 0.01)) }
    let now = at(3)
    func enter(_ index: Int, _ c: HandshakeClass) -> Entrance {
      controller.enter(slot(index), listener: 0, c, patience: .seconds(1), now: now)
    }
    // At 10 ms each a hundred are through in a second.
    let waiting = (0..<200).prefix { enter($0, .tls13RSA) == .waiting }.count
    #expect((98...102).contains(waiting), "\(waiting)")
    #expect(enter(300, .plain) == .waiting)
    // The cheap ones pass the dear ones.
    #expect(enter(301, .tls13Resumed) == .waiting)
    // Of those that are refused the two workers can do 200 a second.
    var generator = SeededGenerator.told()
    let told = (0..<100).map { _ in
      controller.reserveReturn(listener: 0, .tls13RSA, patience: .seconds(1), now: now, using: &generator)
    }
    let apart = (told[99] - told[0]).inSeconds / 99
    #expect((0.0045...0.0055).contains(apart), "\(apart)")
  }

  @Test func oneStallIsNoSlowWorker() {
    var delay = HandshakeDelay()
    for turn in 0..<200 { delay.served(now: at(1 + Double(turn) * 0.001)) }
    delay.served(now: at(10))
    #expect(delay.expected(delay.foreseen(queued: 100, now: at(10)), now: at(10)) < .milliseconds(200))
  }

  /// Or else who lets nobody in would never learn that he could again.
  @Test func whatWasLearntIsForgottenWhenNoHandshakeEnds() {
    var delay = HandshakeDelay()
    for _ in 0..<100 { delay.learn(waited: .seconds(2), foreseen: .init(), now: at(1)) }
    #expect(delay.expected(.init(), now: at(1.1)) >= .seconds(2))
    var last = Duration.seconds(60)
    for step in 0..<600 {
      let next = delay.expected(.init(), now: at(1 + Double(step) / 100))
      #expect(next <= last)
      last = next
    }
    #expect(last < .milliseconds(2))
    #expect(delay.expected(.init(), now: at(1e6)) < .nanoseconds(10))
  }

  @Test func theRoomLeavesTheHandshakeItsPartOfThePatience() {
    let shared = AdmissionShared(RateLimit(100, burst: 1), workers: 1, capacity: 1000, returns: ReturnSlots())
    var controller = AdmissionController(
      worker: 0, shared: shared, listeners: [AdmissionGate(.unlimited, workers: 1)], slots: 1000,
      budget: HandshakeBudget(share: nil, now: at(1)))
    for _ in 0..<100 {
      controller.handshakeDelay.learn(waited: .milliseconds(600), foreseen: .init(), now: at(1))
    }
    controller.foresee(queued: 0, now: at(1))
    func enter(_ index: Int, _ c: HandshakeClass) -> Entrance {
      controller.enter(slot(index), listener: 0, c, patience: .seconds(1), now: at(1))
    }
    // A hundred would come in within the patience, and forty before the rest is needed for the handshake.
    let waiting = (0..<200).prefix { enter($0, .tls13RSA) == .waiting }.count
    #expect((38...42).contains(waiting))
    // In the clear nobody waits behind the room, and goes first.
    #expect(enter(500, .plain) == .waiting)
    // The worker gets slower: those that have no time left for that are told so before it is over.
    for _ in 0..<100 {
      controller.handshakeDelay.learn(waited: .milliseconds(900), foreseen: .init(), now: at(1.05))
    }
    controller.foresee(queued: 0, now: at(1.05))
    var (admitted, late) = (0, 0)
    for step in 0..<100 {
      let now = at(1.05 + Double(step) / 1000)
      loop: while true {
        switch controller.next(now: now) {
        case .admit: admitted += 1
        case .refuse(_, let reason):
          #expect(reason == .tooLong)
          late += 1
        case .wait, .idle: break loop
        }
      }
    }
    #expect(admitted + late >= waiting && late > 20, "\(admitted) admitted, \(late) refused of \(waiting)")
    #expect(controller.waitingCount == 0)
  }
}
