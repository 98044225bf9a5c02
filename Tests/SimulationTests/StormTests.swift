import Basics
import Settings
import Simulation
import Testing

/// The real worker where more clients come than may come in: the room, the budgets, the refusals.
@Suite struct StormTests {
  @Test(arguments: [3, 8, 21]) func theSameSeedGoesTheSameWay(seed: UInt64) {
    let first = Simulation.run(seed: seed, faults: .all, storm: Storm(seed: seed))
    let second = Simulation.run(seed: seed, faults: .all, storm: Storm(seed: seed))
    #expect(first.traceHash == second.traceHash, "\(first)")
    #expect(first.events == second.events && first.turns == second.turns)
    #expect(first.events > 100)
  }

  @Test func aHundredStormsWithAllFaultsAreSurvived() {
    var (completed, refused, held) = (0, 0, 0)
    for seed: UInt64 in 0..<100 {
      let report = Simulation.run(seed: seed, faults: .all, storm: Storm(seed: seed))
      #expect(report.isPassed, "storm \(report)")
      completed += report.completed
      refused += report.refused
      held += report.held
    }
    // Each end was reached often, or else the sweep has seen little.
    #expect(completed > 300 && refused > 300 && held > 50, "\(completed) \(refused) \(held)")
  }

  @Test(arguments: FaultKind.allCases) func eachFaultAloneIsSurvived(kind: FaultKind) {
    for seed: UInt64 in 200..<203 {
      let report = Simulation.run(seed: seed, clients: 25, faults: .only(kind), storm: Storm(seed: seed))
      #expect(report.isPassed, "\(kind) \(report)")
    }
  }

  @Test func stormsWithFewBuffersAndSocketsAreSurvived() {
    for seed: UInt64 in 0..<4 {
      var faults = Faults.all
      FaultKind.fewBuffers.add(to: &faults)
      FaultKind.fewSockets.add(to: &faults)
      let report = Simulation.run(seed: seed, faults: faults, storm: Storm(seed: seed))
      #expect(report.isPassed, "few buffers and sockets: \(report)")
    }
  }

  @Test(arguments: ClientPlan.Misbehaviour.allCases)
  func aHeldClientMayMisbehave(misbehaviour: ClientPlan.Misbehaviour) {
    for seed: UInt64 in 0..<4 {
      var storm = Storm(readable: .hold1013)
      storm.misbehaviour = misbehaviour
      let report = Simulation.run(seed: seed, clients: 25, faults: .all, storm: storm)
      #expect(report.isPassed && report.misbehaved > 0, "\(misbehaviour) \(report)")
    }
  }

  /// A refusal takes 4 ms of the worker's time, of which there are 10 ms at once and 1 % after that.
  @Test func pastTheirBudgetRefusalsHaveNoWords() {
    for seed: UInt64 in 0..<5 {
      var storm = Storm()
      (storm.leavers, storm.isOrderly) = (0, true)
      (storm.settings.refusal.cpu, storm.work) = (0.01, 4000...4000)
      let report = Simulation.run(seed: seed, clients: 60, faults: .none, storm: storm)
      #expect(report.isPassed, "\(report)")
      #expect(report.unanswered > 0 && report.unanswered < report.refused, "\(report.unanswered) \(report)")
    }
  }

  /// The worker is held up until all that wait have outlived their patience, and the timers behind it. Nobody is
  /// cut off for that without a word.
  @Test(arguments: [Settings.Refusal.Readable.unavailable, .hold1013])
  func whoOutlivesThePatienceInAStallIsToldSo(readable: Settings.Refusal.Readable) {
    for seed: UInt64 in 0..<5 {
      var storm = Storm(readable: readable)
      (storm.leavers, storm.isOrderly, storm.spread) = (0, true, 20_000)
      storm.settings.waitingRoom.capacity = 1000
      storm.stall = (60_000, 3_000_000)
      let report = Simulation.run(seed: seed, clients: 40, faults: .none, storm: storm)
      #expect(report.isPassed, "\(report)")
      #expect(report.unanswered == 0 && report.refused + report.held > 25, "\(report)")
    }
  }

  /// Somebody else has the CPU for 4 ms whenever a refusal is made, which takes 100 us of it itself: a hundred of
  /// them are within the budget, and by the clock on the wall three would be past it.
  @Test func nobodyPaysForTheTimeThatAnotherHadTheCPU() {
    for seed: UInt64 in 0..<5 {
      var storm = Storm()
      (storm.leavers, storm.isOrderly) = (0, true)
      storm.settings.refusal.cpu = 0.01
      (storm.work, storm.preemption) = (100...100, 4000...4000)
      let report = Simulation.run(seed: seed, clients: 60, faults: .none, storm: storm)
      #expect(report.isPassed, "\(report)")
      #expect(report.unanswered == 0 && report.refused > 10, "\(report.unanswered) \(report)")
    }
  }

  /// All at once, 50 a second and 5 at once, a patience of 300 ms: 20 come in, the others are told.
  @Test(arguments: [Settings.Refusal.Readable.unavailable, .hold1013, .none])
  func asManyComeInAsTheRateAndThePatienceAllow(readable: Settings.Refusal.Readable) {
    for seed: UInt64 in 0..<5 {
      var storm = Storm(readable: readable)
      storm.settings.waitingRoom.capacity = 1000
      storm.spread = 1000
      storm.leavers = 0
      storm.isOrderly = true
      let report = Simulation.run(seed: seed, clients: 40, faults: .none, storm: storm)
      #expect(report.isPassed, "\(readable) \(report)")
      #expect((19...21).contains(report.completed), "\(readable) \(report)")
      #expect(report.completed + report.refused + report.held == 40, "\(readable) \(report)")
      #expect((report.held > 0) == (readable == .hold1013), "\(readable) \(report)")
    }
  }
}
