import Basics
import Policy
import Testing

/// What was added to a gate comes off again, whoever ends how, in whatever worker, with reloads between.
@Suite struct ExpectedCountTests {
  @Test(arguments: 0..<20) func nothingStaysBehind(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let shared = AdmissionShared(
      RateLimit(1000, burst: 100), workers: 3, capacity: 100_000, returns: ReturnSlots())
    var gates = (0..<3).map { _ in AdmissionGate(.unlimited, workers: 3) }
    var all = gates
    final class Box {
      var controller: AdmissionController
      var gates: [AdmissionGate]
      init(_ controller: consuming AdmissionController, _ gates: [AdmissionGate]) {
        self.controller = controller
        self.gates = gates
      }
    }
    let boxes = (0..<3).map { worker in
      Box(
        AdmissionController(
          worker: worker, shared: shared, listeners: gates, slots: 100_000,
          budget: HandshakeBudget(share: 0.5, now: at(1))), gates)
    }
    var there: [(Int, Int, Newcomer)] = []
    var next = 0
    for step in 0..<20_000 {
      let now = at(1) + .milliseconds(step)
      let worker = Int.random(in: 0..<3, using: &random)
      let box = boxes[worker]
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<50:
        let listener = Int.random(in: 0..<gates.count, using: &random)
        guard listener < box.gates.count else { break }
        let isTLS = Bool.random(using: &random)
        let welcome = box.controller.welcome(
          listener: listener, certificates: isTLS ? [.ecdsa, .rsa] : nil, patience: .seconds(2), now: now)
        if welcome == .expected { there.append((worker, listener, isTLS ? .expected : .expectedInTheClear)) }
      case 50..<97:
        guard !there.isEmpty else { break }
        let (worker, listener, newcomer) = there.remove(at: .random(in: 0..<there.count, using: &random))
        if Bool.random(using: &random) {
          next += 1
          _ = boxes[worker].controller.enter(
            slot(next), listener: listener, newcomer == .expected ? .tls13RSA : .plain, as: newcomer,
            patience: .seconds(2), now: now)
          boxes[worker].controller.leave(slot(next))
        } else {
          boxes[worker].controller.forget(newcomer, listener: listener)
        }
      case 97:
        let gate = AdmissionGate(RateLimit(800, burst: 10), workers: 3)
        all.append(gate)
        if gates.count < 8 && Bool.random(using: &random) {
          gates.append(gate)
        } else {
          gates[.random(in: 0..<gates.count, using: &random)] = gate
        }
      default:
        // Each worker takes them in a turn of its own.
        box.controller.reload(listeners: gates, handshakeShare: 0.4, now: now)
        box.gates = gates
      }
      let counted = all.reduce(0) { $0 + $1.expectedCount }
      #expect(counted == there.count && shared.process.expectedCount == there.count)
    }
    for (worker, listener, newcomer) in there {
      boxes[worker].controller.forget(newcomer, listener: listener)
    }
    #expect(shared.process.expectedCount == 0 && all.allSatisfy { $0.expectedCount == 0 })
    #expect(boxes.allSatisfy { $0.controller.expectedCount == 0 })
    for box in boxes {
      var count = 0
      while box.controller.welcome(listener: 0, certificates: nil, patience: .seconds(2), now: at(1000))
        == .expected
      {
        count += 1
      }
      for _ in 0..<count { box.controller.forget(.expectedInTheClear, listener: 0) }
      #expect(count > 1500)
    }
  }
}
