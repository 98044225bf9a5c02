import Basics
import Policy
import Testing

@Suite struct HandshakeDelayTests {
  @Test func nobodyHasWaitedYet() {
    #expect(HandshakeDelay().expected(queued: 0, now: at(1)) == .zero)
    #expect(HandshakeDelay().expected(queued: 5000, now: at(1)) == .zero)
  }

  @Test func mostHandshakesWaitNoLongerThanItSays() {
    var generator = SeededGenerator.told()
    var delay = HandshakeDelay()
    var (longer, sum) = (0, 0.0)
    for turn in 0..<5000 {
      let now = at(1 + Double(turn) / 100)
      let waited =
        Double.random(in: 0.01...0.2, using: &generator) * Double.random(in: 0...1, using: &generator)
      if turn >= 100, waited > delay.expected(queued: 0, now: now).inSeconds { longer += 1 }
      if turn >= 100 { sum += delay.expected(queued: 0, now: now).inSeconds }
      delay.learn(waited: .seconds(waited), now: now)
    }
    // The ninetieth percentile is 0.111 s.
    #expect((150...900).contains(longer), "\(longer) of 4900")
    #expect((0.09...0.17).contains(sum / 4900), "\(sum / 4900)")
  }

  @Test func aLongQueueTellsBeforeItsHandshakesCan() {
    var delay = HandshakeDelay()
    for turn in 0..<200 { delay.served(now: at(1 + Double(turn) * 0.004)) }
    // Twice through a queue of 100 at 4 ms each.
    let expected = delay.expected(queued: 100, now: at(2)).inSeconds
    #expect((0.79...0.81).contains(expected), "\(expected)")
  }

  @Test func theTimeThatNobodyWasQueuedIsNoPace() {
    var delay = HandshakeDelay()
    for turn in 0..<200 {
      delay.served(now: at(1 + Double(turn)))
      delay.served(now: at(1.001 + Double(turn)))
      delay.ranEmpty()
    }
    let expected = delay.expected(queued: 100, now: at(201)).inSeconds
    #expect((0.19...0.21).contains(expected), "\(expected)")
  }

  @Test func oneStallIsNoSlowWorker() {
    var delay = HandshakeDelay()
    for turn in 0..<200 { delay.served(now: at(1 + Double(turn) * 0.001)) }
    delay.served(now: at(10))
    #expect(delay.expected(queued: 100, now: at(10)) < .milliseconds(400))
  }

  /// Or else who lets nobody in would never learn that he could again.
  @Test func whatWasLearntIsForgottenWhenNoHandshakeEnds() {
    var delay = HandshakeDelay()
    for _ in 0..<100 { delay.learn(waited: .seconds(2), now: at(1)) }
    #expect(delay.expected(queued: 0, now: at(1.1)) >= .seconds(2))
    var last = Duration.seconds(60)
    for step in 0..<600 {
      let next = delay.expected(queued: 0, now: at(1 + Double(step) / 100))
      #expect(next <= last)
      last = next
    }
    #expect(last < .milliseconds(2))
    #expect(delay.expected(queued: 0, now: at(1e6)) < .nanoseconds(10))
  }

  @Test func theRoomLeavesTheHandshakeItsPartOfThePatience() {
    let shared = AdmissionShared(RateLimit(100, burst: 1), workers: 1, capacity: 1000, returns: ReturnSlots())
    var controller = AdmissionController(
      worker: 0, shared: shared, listeners: [AdmissionGate(.unlimited, workers: 1)], slots: 1000,
      budget: HandshakeBudget(share: nil, now: at(1)))
    for _ in 0..<100 { controller.handshakeDelay.learn(waited: .milliseconds(600), now: at(1)) }
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
    for _ in 0..<100 { controller.handshakeDelay.learn(waited: .milliseconds(900), now: at(1.05)) }
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
