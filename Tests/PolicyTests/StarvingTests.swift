import Basics
import Policy
import Testing

/// Cheap classes go first, and none starves: each eighth admission is a dearer class's, by turns.
@Suite struct StarvingTests {
  /// How many of each class come in a second, in 20 s after the first five; clients come at random, so many a second.
  private func run(_ knocking: [HandshakeClass: Int], rate: RateLimit, share: Double?) -> [HandshakeClass:
    Double]
  {
    let shared = AdmissionShared(rate, workers: 1, capacity: 100_000, returns: ReturnSlots())
    var controller = AdmissionController(
      worker: 0, shared: shared, listeners: [AdmissionGate(.unlimited, workers: 1)], slots: 200_000,
      budget: HandshakeBudget(share: share, now: at(1000)))
    var generator = SeededGenerator(seed: 11)
    var (next, classes, came) = (0, [Int: HandshakeClass](), [HandshakeClass: Int]())
    for step in 0..<25_000 {
      let now = at(1000) + .milliseconds(step)
      for c in HandshakeClass.allCases {
        for _ in 0..<(knocking[c] ?? 0) where Int.random(in: 0..<1000, using: &generator) == 0 {
          next = (next + 1) % 200_000
          classes[next] = c
          _ = controller.enter(slot(next), listener: 0, c, patience: .seconds(2), now: now)
        }
      }
      turn: while true {
        switch controller.next(now: now) {
        case .admit(let admission):
          let c = classes[Int(admission.slot.index)]!
          controller.budget.settle(
            admission.reservation, measuredAs: c, nanoseconds: controller.budget.costs[c], now: now)
          if step >= 5000 { came[c, default: 0] += 1 }
        case .refuse: continue
        case .wait, .idle: break turn
        }
      }
    }
    return came.mapValues { Double($0) / 20 }
  }

  @Test(arguments: [50, 90, 120, 150, 1000]) func theDearDontStarve(cheap: Int) {
    let came = run([.tls13Resumed: cheap, .tls13RSA: 200], rate: RateLimit(100, burst: 10), share: nil)
    print("\(#function): cheap \(cheap): \(came)")
    #expect(came[.tls13RSA, default: 0] > 100.0 / 8 * 0.9)
    #expect(came[.tls13Resumed, default: 0] > min(Double(cheap), 100.0 * 7 / 8) * 0.9)
    #expect(came.values.reduce(0, +) > 99)
  }

  @Test(arguments: [[90, 90, 90], [50, 200, 200], [200, 200, 200], [200, 5, 200]])
  func noneOfSeveralClassesStarves(knocking: [Int]) {
    let classes = [HandshakeClass.plain, .tls13Resumed, .tls12RSA]
    let came = run(
      Dictionary(uniqueKeysWithValues: zip(classes, knocking)), rate: RateLimit(100, burst: 10), share: nil)
    print("\(#function): \(knocking): \(classes.map { came[$0] ?? 0 })")
    for (c, count) in zip(classes, knocking) {
      #expect(came[c, default: 0] > min(Double(count), 100.0 / 16) * 0.85)
    }
    #expect(came.values.reduce(0, +) > 99)
  }

  /// A tenth of a second's CPU each second: 667 resumed ones, or 270 with an RSA certificate.
  @Test(arguments: [400, 800, 2000]) func norWhereCPUIsShort(cheap: Int) {
    let came = run([.tls13Resumed: cheap, .tls13RSA: 500], rate: .unlimited, share: 0.1)
    print("\(#function): cheap \(cheap): \(came)")
    // Of seven cheap ones and a dear one each 1.42 ms.
    #expect(came[.tls13RSA, default: 0] > 70 * 0.85)
    #expect(came[.tls13Resumed, default: 0] > min(Double(cheap), 490) * 0.9)
  }
}
