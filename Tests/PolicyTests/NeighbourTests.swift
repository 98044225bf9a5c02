import Basics
import Policy
import Testing

/// Two listeners in front of one rate: clients of the first are judged when they have connected, those of the second
/// when they have said what they are (behind a PROXY header).
@Suite struct NeighbourTests {
  private struct Plan {
    /// A second, of each kind.
    var honest = 300
    var named = 300
    var silent = 0
    /// For how much of the time that it may each of the silent keeps its place.
    var kept = 1.0
    var seconds = 25
  }

  /// Of both listeners, how many came in each second, without the first five seconds.
  private func run(_ plan: Plan) -> (honest: Double, named: Double) {
    let shared = AdmissionShared(
      RateLimit(100, burst: 10), workers: 1, capacity: 10_000, returns: ReturnSlots())
    let gates = (0..<2).map { _ in AdmissionGate(.unlimited, workers: 1) }
    var controller = AdmissionController(
      worker: 0, shared: shared, listeners: gates, slots: 1_000_000,
      budget: HandshakeBudget(share: nil, now: at(1)))
    let steps = plan.seconds * 1000
    var speaks = Array(repeating: 0, count: steps + 3000)
    var goes = speaks
    var (next, owner) = (0, [Int: Int]())
    var came = [0, 0]
    var generator = SeededGenerator(seed: 7)
    func arrives(_ rate: Int) -> Bool { Int.random(in: 0..<1000, using: &generator) < rate }
    let patience = Duration.seconds(2)
    for step in 0..<steps {
      let now = at(1000) + .milliseconds(step)
      func enter(_ listener: Int, _ newcomer: Newcomer) {
        next = (next + 1) % 1_000_000
        if controller.enter(
          slot(next), listener: listener, .plain, as: newcomer, patience: patience, now: now
        ) == .waiting {
          owner[next] = listener
        }
      }
      for _ in 0..<goes[step] {
        controller.forget(.expectedInTheClear, listener: 0)
      }
      for _ in 0..<speaks[step] { enter(0, .expectedInTheClear) }
      var kinds: [Int] = []
      if arrives(plan.honest) { kinds.append(0) }
      if arrives(plan.named) { kinds.append(1) }
      if arrives(plan.silent) { kinds.append(2) }
      kinds.shuffle(using: &generator)
      for kind in kinds {
        if kind == 1 {
          enter(1, .unknown)
        } else if controller.welcome(listener: 0, certificates: nil, patience: patience, now: now)
          == .expected
        {
          if kind == 0 { speaks[step + 20] += 1 } else { goes[step + Int(500 * plan.kept)] += 1 }
        }
      }
      admitting: while true {
        switch controller.next(now: now) {
        case .admit(let admission):
          let listener = owner.removeValue(forKey: Int(admission.slot.index))!
          if step >= 5000 { came[listener] += 1 }
        case .refuse(let slot, _): owner[Int(slot.index)] = nil
        case .wait, .idle: break admitting
        }
      }
    }
    let seconds = Double(plan.seconds - 5)
    return (Double(came[0]) / seconds, Double(came[1]) / seconds)
  }

  /// At a listener that is judged late. The silent are the rate four times over, each away before its place would lapse.
  @Test(arguments: [1.0, 0.9, 0.5, 0.25]) func whoIsSilentKeepsNobodyOutHoweverItEnds(kept: Double) {
    var plan = Plan()
    (plan.honest, plan.named, plan.silent, plan.kept) = (0, 50, min(999, Int(450 / kept)), kept)
    let came = run(plan)
    print("\(#function): \(kept): \(came)")
    #expect(came.named > 45)
  }

  /// As many of each listener come as knock there: who is silent at the first gives its rate to neither.
  @Test(arguments: [0, 20, 50, 100, 400], [(20, 100), (100, 100), (100, 300), (300, 300)])
  func aFewThatAreSilentDontGiveTheRateToTheOtherListener(silent: Int, honest: (own: Int, named: Int)) {
    var plan = Plan()
    (plan.silent, plan.honest, plan.named) = (silent, honest.own, honest.named)
    let came = run(plan)
    print("\(#function): \(plan): \(came)")
    let fair = 100 * Double(plan.honest) / Double(plan.honest + plan.named)
    #expect(came.honest > fair * 0.6 && came.named > (100 - fair) * 0.6)
    #expect(came.honest + came.named > 98)
  }
}
