import Basics
import Policy
import Testing

/// Who is refused before it has said what it is, and who is heard.
@Suite struct NewcomerTests {
  private func controller(
    _ limit: RateLimit = RateLimit(100, burst: 10), capacity: Int = 10_000
  ) -> AdmissionController {
    let shared = AdmissionShared(limit, workers: 1, capacity: capacity, returns: ReturnSlots())
    return AdmissionController(
      worker: 0, shared: shared, listeners: [AdmissionGate(.unlimited, workers: 1)], slots: 10_000,
      budget: HandshakeBudget(share: nil, now: at(1)))
  }

  private func welcome(
    _ controller: inout AdmissionController, isTLS: Bool = true, _ now: MonotonicTime = at(1)
  ) -> Welcome {
    controller.welcome(
      listener: 0, certificates: isTLS ? [.ecdsa, .rsa] : nil, patience: .seconds(2), now: now)
  }

  private func enter(
    _ controller: inout AdmissionController, _ index: Int, _ c: HandshakeClass, as newcomer: Newcomer,
    _ now: MonotonicTime = at(1)
  ) -> Entrance {
    controller.enter(slot(index), listener: 0, c, as: newcomer, patience: .seconds(2), now: now)
  }

  /// A room with as many of a class as there is time for.
  private func crowd(_ c: HandshakeClass) -> AdmissionController {
    var controller = controller()
    for index in 0..<210 { #expect(enter(&controller, index, c, as: .unknown) == .waiting) }
    return controller
  }

  @Test func asManyAreExpectedAsThereIsTimeForThoughNobodyHasSaidAnything() {
    var controller = controller()
    for _ in 0..<210 { #expect(welcome(&controller, isTLS: false) == .expected) }
    #expect(welcome(&controller, isTLS: false) == .refused(.tooLong))
    #expect(controller.expectedCount == 210)
    // One says what it is, and has its place; one has gone.
    #expect(enter(&controller, 0, .plain, as: .expectedInTheClear) == .waiting)
    #expect(welcome(&controller, isTLS: false) == .refused(.tooLong))
    controller.forget(.expectedInTheClear, listener: 0)
    #expect(controller.expectedCount == 208)
    #expect(welcome(&controller, isTLS: false) == .expected)
    #expect(welcome(&controller, isTLS: false) == .refused(.tooLong))
  }

  @Test func withoutALimitEveryoneIsExpected() {
    var controller = controller(.unlimited)
    for _ in 0..<5000 { #expect(welcome(&controller) == .expected) }
  }

  @Test func aFullRoomHearsNobody() {
    var controller = controller(capacity: 3)
    for index in 0..<3 { #expect(enter(&controller, index, .plain, as: .unknown) == .waiting) }
    #expect(welcome(&controller) == .refused(.roomFull))
  }

  @Test func whereThereIsTimeForNoClassNobodyIsHeard() {
    var controller = controller()
    for _ in 0..<210 { #expect(welcome(&controller) == .expected) }
    for _ in 0..<100 { #expect(welcome(&controller) == .refused(.tooLong)) }
  }

  /// They have their eighth, so that it may be worth to hear them, as it may be to hear cheap ones behind dear ones.
  @Test func behindCheapOnesDearOnesAreHopedFor() {
    var controller = crowd(.tls12Resumed)
    for _ in 0..<15 { #expect(welcome(&controller) == .refused(.tooLong)) }
    #expect(welcome(&controller) == .hoped)
    #expect(enter(&controller, 300, .tls13RSA, as: .hoped) == .waiting)
    #expect(enter(&controller, 301, .tls12Resumed, as: .hoped) == .refused(.tooLong))
  }

  @Test func behindDearOnesCheapOnesAreHopedFor() {
    var controller = crowd(.tls13RSA)
    // One in sixteen, until it is known that it pays.
    for _ in 0..<15 { #expect(welcome(&controller) == .refused(.tooLong)) }
    #expect(welcome(&controller) == .hoped)
    #expect(enter(&controller, 300, .tls13RSA, as: .hoped) == .refused(.tooLong))
    for _ in 0..<15 { #expect(welcome(&controller) == .refused(.tooLong)) }
    #expect(welcome(&controller) == .hoped)
    #expect(enter(&controller, 301, .tls13Resumed, as: .hoped) == .waiting)
  }

  @Test func whereHearingNeverPaysOneInSixteenIsHeard() {
    var controller = crowd(.tls13ECDSA)
    var heard = 0
    for index in 0..<3200 {
      guard welcome(&controller) == .hoped else { continue }
      heard += 1
      #expect(enter(&controller, 300 + index, .tls13ECDSA, as: .hoped) == .refused(.tooLong))
    }
    #expect(heard == 200, "\(heard)")
  }

  @Test func oncePaidItIsHeardAgain() {
    var controller = crowd(.tls13ECDSA)
    for index in 0..<3200 where welcome(&controller) == .hoped {
      _ = enter(&controller, 300 + index, .tls13ECDSA, as: .hoped)
    }
    // Every second one has a ticket now.
    var heard = 0
    for index in 0..<400 where welcome(&controller) == .hoped {
      let c: HandshakeClass = heard % 2 == 0 ? .tls13Resumed : .tls13ECDSA
      let entrance = enter(&controller, 4000 + index, c, as: .hoped)
      #expect((entrance == .waiting) == (c == .tls13Resumed))
      controller.leave(slot(4000 + index))
      heard += 1
    }
    #expect(heard > 200, "\(heard)")
  }

  @Test func oneThatIsHopedForTakesNoPlaceOfOneThatIsExpected() {
    var controller = controller()
    for index in 0..<200 { #expect(enter(&controller, index, .tls13ECDSA, as: .unknown) == .waiting) }
    for _ in 0..<10 { #expect(welcome(&controller) == .expected) }
    for _ in 0..<15 { #expect(welcome(&controller) == .refused(.tooLong)) }
    #expect(welcome(&controller) == .hoped)
    #expect(enter(&controller, 300, .tls13ECDSA, as: .hoped) == .refused(.tooLong))
    for index in 0..<10 {
      #expect(enter(&controller, 400 + index, .tls13ECDSA, as: .expected) == .waiting)
    }
  }

  @Test func onlyWhatTheListenersCertificatesLeadToIsFeared() {
    func count(_ certificates: HandshakeClass.Certificates) -> Int {
      let shared = AdmissionShared(.unlimited, workers: 1, capacity: 10_000, returns: ReturnSlots())
      var controller = AdmissionController(
        worker: 0, shared: shared, listeners: [AdmissionGate(.unlimited, workers: 1)], slots: 10_000,
        budget: HandshakeBudget(share: 0.1, now: at(1)))
      var count = 0
      while controller.welcome(
        listener: 0, certificates: certificates, patience: .seconds(2), now: at(1)) == .expected
      { count += 1 }
      return count
    }
    // A tenth of two seconds and the burst: of 170 us each, or of 370.
    #expect((1250...1330).contains(count(.ecdsa)), "\(count(.ecdsa))")
    #expect((560...620).contains(count([.ecdsa, .rsa])), "\(count([.ecdsa, .rsa]))")
    #expect(count(.rsa) == count([.ecdsa, .rsa]))
  }

  /// Of places that are kept, whoever says something takes the first quarter all the same: those of silent clients too.
  private func enterLate(_ controller: inout AdmissionController, listener: Int = 0) -> Int {
    var count = 0
    while controller.enter(
      slot(1000 + count), listener: listener, .plain, patience: .seconds(2), now: at(1)) == .waiting
    { count += 1 }
    return count
  }

  @Test func aQuarterOfTheRoomIsForWhoeverComes() {
    var controller = controller()
    for _ in 0..<210 { #expect(welcome(&controller, isTLS: false) == .expected) }
    // Half a second of the rate, and the burst.
    #expect((59...61).contains(enterLate(&controller)))
    // No more are heard for that, and most of those that are expected come in.
    #expect(welcome(&controller, isTLS: false) == .refused(.tooLong))
    for index in 0..<150 {
      #expect(enter(&controller, index, .plain, as: .expectedInTheClear) == .waiting)
    }
    #expect(enter(&controller, 150, .plain, as: .unknown) == .refused(.tooLong))
  }

  @Test func whoIsSilentAtOneListenerKeepsNobodyOutOfAnother() {
    let shared = AdmissionShared(
      RateLimit(100, burst: 10), workers: 1, capacity: 10_000, returns: ReturnSlots())
    let gates = (0..<2).map { _ in AdmissionGate(.unlimited, workers: 1) }
    var controller = AdmissionController(
      worker: 0, shared: shared, listeners: gates, slots: 10_000,
      budget: HandshakeBudget(share: nil, now: at(1)))
    for _ in 0..<210 { #expect(welcome(&controller) == .expected) }
    // Judged at the accept, and by their PROXY header.
    var count = 0
    while controller.welcome(listener: 1, certificates: nil, patience: .seconds(2), now: at(1)) == .expected {
      count += 1
    }
    #expect((59...61).contains(count))
    #expect((59...61).contains(enterLate(&controller, listener: 1)))
  }

  @Test func whoIsSilentAtOneWorkerKeepsNobodyOutOfAnother() {
    let shared = AdmissionShared(
      RateLimit(100, burst: 10), workers: 2, capacity: 2000, returns: ReturnSlots())
    let gates = (0..<2).map { _ in AdmissionGate(RateLimit(100, burst: 10), workers: 2) }
    func make(_ worker: Int) -> AdmissionController {
      AdmissionController(
        worker: worker, shared: shared, listeners: gates, slots: 2000,
        budget: HandshakeBudget(share: nil, now: at(1)))
    }
    var one = make(0)
    var other = make(1)
    for _ in 0..<210 { #expect(welcome(&one, isTLS: false) == .expected) }
    #expect((59...61).contains(enterLate(&other)))
    // Nothing stays behind of those that have gone.
    for _ in 0..<210 { one.forget(.expectedInTheClear, listener: 0) }
    #expect(shared.process.expectedCount == 0)
  }

  /// Those that a handshake was due to when they came are counted so until they have gone.
  @Test func aListenerThatNoLongerSpeaksTLSHasBothKinds() {
    let shared = AdmissionShared(.unlimited, workers: 1, capacity: 10_000, returns: ReturnSlots())
    var controller = AdmissionController(
      worker: 0, shared: shared, listeners: [AdmissionGate(.unlimited, workers: 1)], slots: 10_000,
      budget: HandshakeBudget(share: 0.1, now: at(1)))
    var handshakes = 0
    while welcome(&controller) == .expected { handshakes += 1 }
    for _ in 0..<500 { #expect(welcome(&controller, isTLS: false) == .expected) }
    for _ in 0..<500 { controller.forget(.expectedInTheClear, listener: 0) }
    for _ in 0..<handshakes { controller.forget(.expected, listener: 0) }
    #expect(controller.expectedCount == 0)
    var again = 0
    while welcome(&controller) == .expected { again += 1 }
    #expect(again == handshakes)
  }

  @Test func thatOthersAreSilentDoesntHideThatHearingPays() {
    let shared = AdmissionShared(.unlimited, workers: 1, capacity: 10_000, returns: ReturnSlots())
    var controller = AdmissionController(
      worker: 0, shared: shared, listeners: [AdmissionGate(.unlimited, workers: 1)], slots: 10_000,
      budget: HandshakeBudget(share: 0.1, now: at(1)))
    for _ in 0..<300 {
      #expect(welcome(&controller) == .expected)
      controller.forget(.expected, listener: 0)
    }
    while welcome(&controller) == .expected {}
    var heard = 0
    for index in 0..<400 where welcome(&controller) == .hoped {
      heard += 1
      #expect(enter(&controller, index, .tls12Resumed, as: .hoped) == .waiting)
      controller.leave(slot(index))
    }
    #expect(heard > 300, "\(heard)")
  }

  @Test func otherWorkersCountThoseThatAreExpectedToo() {
    let shared = AdmissionShared(
      RateLimit(100, burst: 10), workers: 2, capacity: 1000, returns: ReturnSlots())
    let gate = AdmissionGate(.unlimited, workers: 2)
    func make(_ worker: Int) -> AdmissionController {
      AdmissionController(
        worker: worker, shared: shared, listeners: [gate], slots: 1000,
        budget: HandshakeBudget(share: nil, now: at(1)))
    }
    var one = make(0)
    var other = make(1)
    for _ in 0..<210 { #expect(welcome(&one, isTLS: false) == .expected) }
    #expect(welcome(&other, isTLS: false) == .refused(.tooLong))
    #expect(other.expectedCount == 0)
  }

  @Test func aReloadTakesThemAlong() {
    var controller = controller()
    let gate = AdmissionGate(RateLimit(100, burst: 10), workers: 1)
    for _ in 0..<210 { #expect(welcome(&controller, isTLS: false) == .expected) }
    controller.reload(listeners: [gate], handshakeShare: nil, now: at(1))
    for _ in 0..<210 { controller.forget(.expectedInTheClear, listener: 0) }
    #expect(gate.expectedCount == 0 && controller.expectedCount == 0)
    #expect(welcome(&controller, isTLS: false) == .expected)
  }

  @Test func aPlaceThatIsKeptIsTakenByNobodyElse() {
    var controller = controller()
    for index in 0..<200 { #expect(enter(&controller, index, .tls13ECDSA, as: .unknown) == .waiting) }
    for _ in 0..<10 { #expect(welcome(&controller) == .expected) }
    // To be told, judged by its PROXY header, or silent for long: it was promised nothing.
    #expect(enter(&controller, 300, .tls13ECDSA, as: .unknown) == .refused(.tooLong))
    for index in 0..<10 {
      #expect(enter(&controller, 400 + index, .tls13ECDSA, as: .expected) == .waiting)
    }
  }

  @Test func whoIsExpectedInTheClearTakesNoTimeOfHandshakes() {
    let shared = AdmissionShared(.unlimited, workers: 1, capacity: 10_000, returns: ReturnSlots())
    let gates = (0..<2).map { _ in AdmissionGate(.unlimited, workers: 1) }
    var controller = AdmissionController(
      worker: 0, shared: shared, listeners: gates, slots: 10_000,
      budget: HandshakeBudget(share: 0.1, now: at(1)))
    for _ in 0..<5000 {
      let welcome = controller.welcome(listener: 1, certificates: nil, patience: .seconds(2), now: at(1))
      #expect(welcome == .expected)
    }
    #expect(welcome(&controller) == .expected)
  }
}
