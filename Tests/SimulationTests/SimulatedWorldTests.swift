import Simulation
import Testing

/// The simulated world itself, driven by the smallest relay there is.
@Suite struct SimulatedWorldTests {
  static func run(
    seed: UInt64, faults: Faults, clients: Int = 10, mistake: TinyRelay.Mistake = .none
  ) -> SimulationReport {
    let simulation = Simulation(seed: seed, clients: clients, faults: faults)
    var relay = TinyRelay(engine: simulation.makeEngine(), mistake: mistake)
    return simulation.run(&relay)
  }

  @Test func theSameSeedGoesTheSameWay() {
    let first = Self.run(seed: 7, faults: .all)
    let second = Self.run(seed: 7, faults: .all)
    #expect(first.traceHash == second.traceHash)
    #expect(first.events == second.events)
    #expect(first.events > 100)
  }

  @Test func everySeedGoesAnotherWay() {
    let hashes = Set((0..<20).map { Self.run(seed: $0, faults: .none, clients: 3).traceHash })
    #expect(hashes.count == 20)
  }

  @Test(arguments: 0..<20) func withoutFaultsEveryClientIsServed(seed: UInt64) {
    let report = Self.run(seed: seed, faults: .none)
    #expect(report.isPassed, "\(report)")
    // Only those that send garbage are refused, or else the run doesn't pass.
    #expect(report.completed > 0 && report.completed + report.refused == 10, "\(report)")
  }

  @Test(arguments: FaultKind.allCases) func eachFaultAloneIsSurvived(kind: FaultKind) {
    for seed: UInt64 in 0..<5 {
      let report = Self.run(seed: seed, faults: .only(kind))
      #expect(report.isPassed, "\(kind) \(report)")
    }
  }

  @Test(arguments: 0..<40) func allFaultsTogetherAreSurvived(seed: UInt64) {
    let report = Self.run(seed: seed, faults: .all)
    #expect(report.isPassed, "\(report)")
  }

  @Test(arguments: ClientPlan.Misbehaviour.allCases, ClientPlan.Phase.allCases)
  func aClientMayMisbehaveInEveryPhase(misbehaviour: ClientPlan.Misbehaviour, phase: ClientPlan.Phase) {
    for seed: UInt64 in 0..<3 {
      let simulation = Simulation(seed: seed, clients: 6, faults: .all, misbehaviour: (misbehaviour, phase))
      var relay = TinyRelay(engine: simulation.makeEngine())
      let report = simulation.run(&relay)
      #expect(report.isPassed, "\(misbehaviour) in \(phase) \(report)")
    }
  }

  @Test(arguments: [
    (TinyRelay.Mistake.touchesBuffers, "was touched"), (.closesTwice, "being closed"),
    (.leaksBuffers, "weren't given back"), (.armsTwice, "two of receive in flight"),
  ]) func aDriverThatBreaksTheRulesIsFoundOut(mistake: TinyRelay.Mistake, violation: String) {
    let reports = (0..<20).map { Self.run(seed: $0, faults: .all, mistake: mistake) }
    let found = reports.flatMap(\.violations)
    #expect(found.contains { $0.contains(violation) }, "\(found)")
  }

  @Test func aFailedRunTellsItsSeedAndItsLastEvents() throws {
    let reports = (0..<20).map { Self.run(seed: $0, faults: .all, mistake: .closesTwice) }
    let failed = try #require(reports.first { !$0.isPassed })
    #expect(failed.description.hasPrefix("seed \(failed.seed): "))
    #expect(failed.story.contains { $0.contains(" us begin #") })
  }
}
