import Basics
import Policy
import Testing

/// A rate that the machine can't keep: clients give up after 2 s, the patience is 1 s, 500 a second may come in,
/// and a handshake takes so long that only some 190 a second can.
@Suite struct SaturatedTests {
  struct Outcome {
    /// Handshakes that came to their end in a second, once all has settled.
    var perSecond: Double
    var inVain: Int
    /// Milliseconds from readiness that all but one in a hundred took.
    var after99: Int
    var refused: Int
    var refusedLate: Int
  }

  private func run(_ plan: SaturatedWorld.Plan, test: String = #function) -> Outcome {
    let seed = UInt64.random(in: 0...9_999_999)
    var world = SaturatedWorld(plan, seed: seed)
    world.run()
    let settled = world.served.filter { $0.at >= 10_000 }
    let after = settled.map(\.after).sorted()
    let outcome = Outcome(
      perSecond: Double(settled.count) / Double(plan.seconds - 10), inVain: world.inVain,
      after99: after.isEmpty ? 0 : after[after.count * 99 / 100], refused: world.refused,
      refusedLate: world.refusedLate)
    print("\(test): seed \(seed), \(outcome)")
    return outcome
  }

  /// Whether they wait in the room for the worker or behind it.
  @Test(arguments: [3, 5, 15], [4, .max])
  func theMachineIsKeptBusyWithClientsThatAreStillThere(crypto: Int, ready: Int) {
    var plan = SaturatedWorld.Plan()
    (plan.crypto, plan.ready) = (crypto, ready)
    let outcome = run(plan)
    #expect(outcome.perSecond >= 0.97 * 1000 / Double(crypto))
    #expect(Double(outcome.inVain) <= 0.05 * Double(plan.seconds) * 1000 / Double(crypto))
    #expect(outcome.after99 < 1150)
    // It is known at the door, or soon after.
    #expect(outcome.refusedLate * 50 < outcome.refused)
  }

  @Test func aShortPatienceIsKeptToo() {
    var plan = SaturatedWorld.Plan()
    (plan.patience, plan.timeout) = (.milliseconds(300), 600)
    let outcome = run(plan)
    #expect(outcome.perSecond >= 190)
    #expect(outcome.after99 < 400)
  }

  /// What it is for: without it nearly all of the work is in vain.
  @Test func withoutForesightAndOrderTheStormCollapses() {
    var plan = SaturatedWorld.Plan()
    (plan.learns, plan.finishesFirst, plan.ready) = (false, false, .max)
    let outcome = run(plan)
    #expect(outcome.perSecond < 100)
  }

  /// A machine that keeps the rate isn't held back.
  @Test func aMachineWithTimeToSpareAdmitsTheRate() {
    var plan = SaturatedWorld.Plan()
    plan.crypto = 1
    let outcome = run(plan)
    #expect(outcome.perSecond >= 490)
    #expect(outcome.inVain == 0)
  }
}
