import Basics
import Policy
import Testing

/// What was promised to those that wait is kept, whoever's turn it is and whatever is short.
@Suite struct PromiseTests {
  private struct Tally {
    var promised = 0
    var came = 0
    var late = 0
  }

  /// In 15 s after the first five; of listener 0 only.
  private func run(
    _ knocking: [HandshakeClass: Int], rate: RateLimit, share: Double?, plainElsewhere: RateLimit? = nil
  ) -> [HandshakeClass: Tally] {
    let shared = AdmissionShared(rate, workers: 1, capacity: 100_000, returns: ReturnSlots())
    var controller = AdmissionController(
      worker: 0, shared: shared,
      listeners: [
        AdmissionGate(.unlimited, workers: 1), AdmissionGate(plainElsewhere ?? .unlimited, workers: 1),
      ], slots: 300_000, budget: HandshakeBudget(share: share, now: at(1000)))
    var generator = SeededGenerator(seed: 11)
    var (next, classes, tallies) = (0, [Int: HandshakeClass](), [HandshakeClass: Tally]())
    for step in 0..<20_000 {
      let now = at(1000) + .milliseconds(step)
      let counts = step >= 5000
      if plainElsewhere != nil && step % 20 == 0 {
        next += 1
        _ = controller.enter(slot(next), listener: 1, .plain, patience: .seconds(2), now: now)
      }
      for c in HandshakeClass.allCases {
        for _ in 0..<(knocking[c] ?? 0) where Int.random(in: 0..<1000, using: &generator) == 0 {
          next += 1
          guard controller.enter(slot(next), listener: 0, c, patience: .seconds(2), now: now) == .waiting
          else { continue }
          classes[next] = c
          if counts { tallies[c, default: Tally()].promised += 1 }
        }
      }
      turn: while true {
        switch controller.next(now: now) {
        case .admit(let admission):
          let c = classes.removeValue(forKey: Int(admission.slot.index))
          controller.budget.settle(
            admission.reservation, measuredAs: c, nanoseconds: controller.budget.costs[c ?? .plain], now: now)
          if counts, let c { tallies[c, default: Tally()].came += 1 }
        case .refuse(let slot, _):
          guard let c = classes.removeValue(forKey: Int(slot.index)), counts else { continue }
          tallies[c, default: Tally()].late += 1
        case .wait, .idle: break turn
        }
      }
    }
    print(tallies.map { "\($0): \($1)" })
    return tallies
  }

  /// 400 plain ones a second of a rate of 500, and CPU for 27 with an RSA certificate.
  @Test func plainOnesDontWaitForCPU() {
    let came = run([.plain: 400, .tls13RSA: 200], rate: RateLimit(500, burst: 50), share: 0.01)
    #expect(came[.plain]!.late == 0)
    #expect(came[.plain]!.came >= 390 * 15)
    #expect(came[.tls13RSA]!.came >= 25 * 15)
  }

  /// An eighth of the admissions may be most of the work.
  @Test func cheapOnesAreToldOfTheWorkOfDearOnes() {
    let came = run([.tls12Resumed: 4000, .tls13RSA: 500], rate: .unlimited, share: 0.1)
    #expect(came[.tls12Resumed]!.late < came[.tls12Resumed]!.promised / 50)
    #expect(came[.tls13RSA]!.came >= 150 * 15)
  }

  /// Plain ones that wait for another listener's rate weigh nothing, and don't make the passes of others weigh nothing.
  @Test func dearOnesAreToldOfTheWorkOfAllThatPass() {
    let came = run(
      [.tls13Resumed: 2000, .tls13RSA: 500], rate: .unlimited, share: 0.1,
      plainElsewhere: RateLimit(10, burst: 1))
    #expect(came[.tls13RSA]!.late < came[.tls13RSA]!.promised / 20)
    #expect(came[.tls13RSA]!.came >= 65 * 15)
  }

  /// Nobody has said anything yet, and all are promised no more than twice the room of 210.
  @Test(arguments: [1, 2, 5, 20, 100]) func promisesOfManyListeners(listeners: Int) {
    let shared = AdmissionShared(
      RateLimit(100, burst: 10), workers: 1, capacity: 100_000, returns: ReturnSlots())
    var controller = AdmissionController(
      worker: 0, shared: shared,
      listeners: (0..<listeners).map { _ in AdmissionGate(.unlimited, workers: 1) },
      slots: 100_000, budget: HandshakeBudget(share: nil, now: at(1000)))
    var promised = [Int](repeating: 0, count: listeners)
    var order = Array(0..<listeners)
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<300 {
      order.shuffle(using: &generator)
      for l in order {
        if controller.welcome(
          listener: l, certificates: nil, patience: .seconds(2), now: at(1000)) == .expected
        {
          promised[l] += 1
        }
      }
    }
    // All speak at once.
    var (next, waiting, broken) = (0, 0, 0)
    for l in order {
      for _ in 0..<promised[l] {
        next += 1
        let entrance = controller.enter(
          slot(next), listener: l, .plain, as: .expectedInTheClear, patience: .seconds(2), now: at(1000))
        if entrance == .waiting { waiting += 1 } else { broken += 1 }
      }
    }
    #expect(promised.reduce(0, +) <= (listeners < 3 ? 210 : 420), "\(promised)")
    #expect(waiting == 210)
    #expect(waiting + broken == promised.reduce(0, +))
  }
}
