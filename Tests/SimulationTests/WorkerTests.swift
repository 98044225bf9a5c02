import Basics
import Settings
import Simulation
import Testing

/// The real worker in simulated worlds.
@Suite struct WorkerTests {
  @Test func theSameSeedGoesTheSameWay() {
    let first = Simulation.run(seed: 11)
    let second = Simulation.run(seed: 11)
    #expect(first.traceHash == second.traceHash)
    #expect(first.events == second.events && first.turns == second.turns)
    #expect(first.events > 100)
    #expect(Simulation.run(seed: 12).traceHash != first.traceHash)
  }

  @Test(arguments: [Settings.Listener.Mode.websocket, .tcp])
  func withoutFaultsEveryClientIsServed(mode: Settings.Listener.Mode) {
    for seed: UInt64 in 0..<20 {
      let report = Simulation.run(seed: seed, clients: 10, faults: .none, settings: .simulated(mode: mode))
      #expect(report.isPassed && report.completed > 0, "\(mode) \(report)")
      // Only those that send garbage are refused, or else the run doesn't pass.
      #expect(report.completed + report.refused == 10, "\(mode) \(report)")
    }
  }

  @Test(arguments: FaultKind.allCases) func eachFaultAloneIsSurvived(kind: FaultKind) {
    for seed: UInt64 in 0..<10 {
      let report = Simulation.run(seed: seed, faults: .only(kind))
      #expect(report.isPassed, "\(kind) \(report)")
    }
  }

  @Test(arguments: ClientPlan.Misbehaviour.allCases, ClientPlan.Phase.allCases)
  func aClientMayMisbehaveInEveryPhase(misbehaviour: ClientPlan.Misbehaviour, phase: ClientPlan.Phase) {
    for seed: UInt64 in 0..<4 {
      let simulation = Simulation(seed: seed, clients: 6, faults: .all, misbehaviour: (misbehaviour, phase))
      var driver = WorkerDriver(simulation, settings: .simulated())
      let report = simulation.run(&driver)
      #expect(report.isPassed, "\(misbehaviour) in \(phase) \(report)")
    }
  }

  @Test(arguments: [Settings.Listener.Mode.websocket, .tcp])
  func allFaultsTogetherAreSurvived(mode: Settings.Listener.Mode) {
    for seed: UInt64 in 0..<150 {
      let report = Simulation.run(seed: seed, settings: .simulated(mode: mode))
      #expect(report.isPassed, "\(mode) \(report)")
    }
  }

  /// On all addresses of a machine, the worker has to look where each client has connected to.
  @Test(arguments: [Settings.Listener.Mode.websocket, .tcp], ["127.0.0.1:80", "0.0.0.0:80"])
  func backendsAreIntroducedToTheirClients(mode: Settings.Listener.Mode, bind: String) {
    var settings = Settings.simulated(mode: mode)
    settings.listeners[0].bind = [Endpoint(bind)!]
    for seed: UInt64 in 0..<60 {
      settings.pools[0].proxyProtocol = seed % 2 == 0 ? .v1 : .v2
      var faults = seed % 3 == 0 ? Faults.none : .all
      if seed % 5 == 4 { FaultKind.fewBuffers.add(to: &faults) }
      let report = Simulation.run(seed: seed, faults: faults, settings: settings)
      #expect(report.isPassed, "\(mode) \(bind) \(report)")
      if seed % 3 == 0 && seed % 5 != 4 { #expect(report.completed > 0) }
    }
  }

  /// The deadline for connecting passes at any moment around the connect and the send that follows it, and cancels come
  /// late: no request is lost, for then its client would wait until the connection is idle, and none goes to two.
  @Test(arguments: [false, true]) func aConnectMayComeAboutAtItsDeadline(hasTinyBuffers: Bool) {
    var (completed, refused) = (0, 0)
    for seed: UInt64 in 0..<100 {
      var settings = Settings.simulated()
      settings.deadlines.connecting = .microseconds(Int(seed) * 30)
      settings.deadlines.idle = .seconds(3000)
      settings.pools[0].retry.attempts = 3
      var faults = Faults.none
      faults.lateCancels = 1
      faults.delays = 0.3
      faults.delayMaxMicroseconds = 1000
      faults.tinyKernelBuffers = hasTinyBuffers ? 1 : 0
      let report = Simulation.run(seed: seed, faults: faults, settings: settings)
      let faulty = report.violations.filter { !$0.hasPrefix("refused without a cause") }
      #expect(faulty.isEmpty, "\(report)")
      #expect(report.simulated < .seconds(1000), "a request has been lost: \(report)")
      completed += report.completed
      refused += report.refused
    }
    #expect(completed > 100 && refused > 30, "\(completed) \(refused)")
  }

  /// No connect is answered, and the deadline is far: a client's reset alone ends it, even right behind the request.
  @Test func aConnectIsGivenUpWithItsClientHoweverSoon() {
    for seed: UInt64 in 0..<100 {
      var settings = Settings.simulated()
      settings.deadlines.connecting = .seconds(1000)
      var faults = Faults.only(.connectsTimeOut)
      faults.connectsTimeOut = 1
      let simulation = Simulation(seed: seed, clients: 6, faults: faults, misbehaviour: (.reset, .waiting))
      var driver = WorkerDriver(simulation, settings: settings)
      let report = simulation.run(&driver)
      #expect(report.isPassed && report.misbehaved == 6, "\(report)")
    }
  }

  @Test func allFaultsTogetherAreSurvivedWithFewBuffersAndSockets() {
    for seed: UInt64 in 0..<40 {
      var faults = Faults.all
      FaultKind.fewBuffers.add(to: &faults)
      FaultKind.fewSockets.add(to: &faults)
      let report = Simulation.run(seed: seed, faults: faults)
      #expect(report.isPassed, "few buffers and sockets: \(report)")
    }
  }
}
