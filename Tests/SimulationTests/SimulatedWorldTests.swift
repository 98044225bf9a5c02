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
    #expect(report.completed == 10, "\(report)")
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

  @Test(arguments: [
    TinyRelay.Mistake.touchesBuffers, .closesTwice, .leaksBuffers, .armsTwice,
  ]) func aDriverThatBreaksTheRulesIsFoundOut(mistake: TinyRelay.Mistake) {
    let reports = (0..<20).map { Self.run(seed: $0, faults: .all, mistake: mistake) }
    #expect(reports.contains { !$0.isPassed })
  }
}
