import Basics
import Policy
import Settings
import Simulation
import Testing

/// Storms over several workers of one process, and settings that change in the middle of them.
@Suite struct CrewTests {
  /// Other rates and more patience, at a time when the storm is on.
  private func reload(_ storm: Storm, _ random: inout SeededGenerator) -> Crew.Reload {
    var settings = storm.settings
    settings.limits.connectionRate = Rate([10, 100, 400].randomElement(using: &random)!)
    settings.limits.connectionBurst = [1, 5, 20].randomElement(using: &random)!
    settings.waitingRoom.patience = .milliseconds([30, 300, 2000].randomElement(using: &random)!)
    settings.waitingRoom.capacity += 10
    settings.refusal.cpu = [0.01, 0.5].randomElement(using: &random)!
    settings.refusal.hold.connections += 1
    return Crew.Reload(at: Int.random(in: 1000...500_000, using: &random), settings: settings)
  }

  private func run(_ seed: UInt64, workers: Int, faults: Faults, reloads: Bool) -> [SimulationReport] {
    var random = SeededGenerator(seed: seed)
    let storm = Storm(seed: seed)
    let change = reloads ? reload(storm, &random) : nil
    var crew = Crew(seed: seed, workers: workers, clients: 25, faults: faults, storm: storm, reload: change)
    return crew.run()
  }

  @Test(arguments: [4, 9]) func theSameSeedGoesTheSameWay(seed: UInt64) {
    let first = run(seed, workers: 2, faults: .all, reloads: true)
    let second = run(seed, workers: 2, faults: .all, reloads: true)
    #expect(first.map { $0.traceHash } == second.map { $0.traceHash })
    #expect(first[0].traceHash != first[1].traceHash && first.allSatisfy { $0.events > 50 })
  }

  @Test(arguments: [2, 3]) func stormsOverSeveralWorkersAreSurvived(workers: Int) {
    var (completed, refused, held) = (0, 0, 0)
    for seed: UInt64 in 500..<530 {
      for (number, report) in run(seed, workers: workers, faults: .all, reloads: false).enumerated() {
        #expect(report.isPassed, "storm \(seed), worker \(number) of \(workers): \(report)")
        completed += report.completed
        refused += report.refused
        held += report.held
      }
    }
    #expect(completed > 100 && refused > 100 && held > 5, "\(completed) \(refused) \(held)")
  }

  @Test func settingsMayChangeInTheMiddleOfAStorm() {
    for seed: UInt64 in 600..<640 {
      for (number, report) in run(seed, workers: 2, faults: .all, reloads: true).enumerated() {
        #expect(report.isPassed, "storm \(seed), worker \(number): \(report)")
      }
    }
  }

  /// All at once, 50 a second and 5 at once for both workers, a patience of 300 ms: 20 come in, as with one.
  @Test func twoWorkersLetInNoMoreThanOne() {
    for seed: UInt64 in 0..<5 {
      var storm = Storm()
      storm.settings.waitingRoom.capacity = 1000
      (storm.spread, storm.leavers, storm.isOrderly) = (1000, 0, true)
      var crew = Crew(seed: seed, workers: 2, clients: 20, faults: .none, storm: storm)
      let reports = crew.run()
      #expect(reports.allSatisfy { $0.isPassed }, "\(reports)")
      let completed = reports.reduce(0) { $0 + $1.completed }
      #expect((19...21).contains(completed), "\(reports)")
      #expect(reports.allSatisfy { $0.completed >= 6 }, "neither starves: \(reports)")
    }
  }

  /// Each worker would have had room for 2, had the cap been split and rounded up.
  @Test func twoWorkersHoldNoMoreThanTheCap() {
    var full = 0
    for seed: UInt64 in 0..<10 {
      var storm = Storm(readable: .hold1013)
      storm.settings.refusal.hold.connections = 3
      (storm.spread, storm.leavers, storm.isOrderly) = (20_000, 0, true)
      var crew = Crew(seed: seed, workers: 2, clients: 25, faults: .none, storm: storm)
      let reports = crew.run()
      #expect(reports.allSatisfy { $0.isPassed }, "\(reports)")
      if reports.contains(where: { $0.refused > 0 }) { full += 1 }
    }
    #expect(full == 10)
  }

  /// Nobody may come in at first; then the rate is raised, and those that wait come in at once.
  @Test func aHigherRateLetsInThoseThatWait() {
    for seed: UInt64 in 0..<5 {
      var storm = Storm()
      storm.settings.limits.connectionRate = Rate(1)
      storm.settings.limits.connectionBurst = 1
      storm.settings.waitingRoom.capacity = 1000
      storm.settings.waitingRoom.patience = .seconds(60)
      (storm.spread, storm.leavers, storm.isOrderly) = (1000, 0, true)
      var settings = storm.settings
      settings.limits.connectionRate = Rate(1000)
      var crew = Crew(
        seed: seed, workers: 2, clients: 10, faults: .none, storm: storm,
        reload: Crew.Reload(at: 500_000, settings: settings))
      let reports = crew.run()
      #expect(reports.allSatisfy { $0.isPassed && $0.completed == 10 }, "\(reports)")
      #expect(reports.allSatisfy { $0.simulated < .seconds(2) }, "\(reports)")
    }
  }
}
