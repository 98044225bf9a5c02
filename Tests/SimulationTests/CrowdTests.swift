import Basics
import Policy
import Settings
import Testing

@testable import Proxy
@testable import Simulation

/// Crowds whose deadlines pass together, while others live.
@Suite struct CrowdTests {
  /// What a turn has left.
  private struct Look {
    var crowd: Int
    /// Of the client that lives.
    var messages: Int
  }

  private static let count = 600

  /// A world with a crowd of such clients, and one that exchanges messages all the while.
  private func makeWorld(_ seed: UInt64, _ plan: (inout ClientPlan) -> Void) -> Simulation {
    var faults = Faults.none
    (faults.sockets, faults.buffers) = (4 * Self.count, 4 * Self.count)
    let simulation = Simulation(seed: seed, clients: 0, faults: faults)
    let world = simulation.world
    for id in 0...Self.count {
      var random = SeededGenerator(seed: world.random.next())
      var its = ClientPlan(faults: faults, random: &random)
      its.kind = .webSocket
      (its.frameMax, its.messages, its.isPipelining) = (40, 0, false)
      if id == 0 { its.messages = 20_000 } else { plan(&its) }
      let client = SimulatedClient(id: id, plan: its, random: random)
      world.clients.append(client)
      world.schedule(.arrive(client), in: id == 0 ? 0...0 : 50_000...50_000)
    }
    return simulation
  }

  /// Runs until nobody of the crowd is left in that phase, and gives the turns from the last with all of it.
  /// - Parameter jump: how long the worker isn't run, from when all of the crowd are there.
  private func run(
    _ simulation: inout Simulation, _ settings: Settings, in phase: Phase, jump: Duration
  ) -> [Look] {
    var driver = WorkerDriver(simulation, settings: settings)
    let world = simulation.world
    var looks: [Look] = []
    var hasJumped = false
    while simulation.goesOn, simulation.step(&driver) {
      if !hasJumped, world.now >= SimulatedWorld.start + .milliseconds(120) {
        hasJumped = true
        world.now = world.now + jump
      }
      var look = Look(crowd: 0, messages: world.clients[0].messagesSent)
      driver.worker.forEachConnection { if $0.phase == phase { look.crowd += 1 } }
      if !hasJumped { looks = [] }
      looks.append(look)
      if hasJumped, look.crowd == 0 { break }
    }
    #expect(world.violations == [])
    return looks
  }

  /// They go a few at a time, and who lives is served between.
  private func expectFew(_ looks: [Look], _ most: Int) throws {
    let (first, last) = (try #require(looks.first), try #require(looks.last))
    let steps = zip(looks, looks.dropFirst()).map { $0.crowd - $1.crowd }.drop { $0 == 0 }
    #expect(first.crowd > Self.count / 2 && last.crowd == 0)
    #expect(steps.max() == most && steps.dropLast().allSatisfy { $0 == most }, "\(Array(steps))")
    // Where it takes many turns, which in the simulation are short.
    if most == 4 { #expect(last.messages > first.messages, "nobody else was served") }
  }

  /// They connect and say nothing.
  private func runSilentCrowd(_ seed: UInt64, jump: Duration) -> [Look] {
    var simulation = makeWorld(seed) { ($0.misbehaviour, $0.phase, $0.patience) = (.stall, .connected, 0) }
    var settings = Settings.simulated()
    settings.deadlines.firstByte = .milliseconds(160)
    return run(&simulation, settings, in: .waiting, jump: jump)
  }

  @Test(arguments: [1, 2] as [UInt64])
  func deadlinesThatPassTogetherAreSeenToAFewATurn(seed: UInt64) throws {
    try expectFew(runSilentCrowd(seed, jump: .milliseconds(180)), 4)
  }

  /// The later, the more: connections mustn't come in faster than those go whose deadlines have passed.
  @Test func lateDeadlinesAreCaughtUpWith() throws {
    try expectFew(runSilentCrowd(1, jump: .milliseconds(1200)), 20)
  }

  /// Most are to be told that they can't come in. They say nothing, and neither a place nor words are kept for them.
  @Test func nothingIsKeptLongForThoseThatSayNothing() {
    var simulation = makeWorld(1) { ($0.misbehaviour, $0.phase, $0.patience) = (.stall, .connected, 0) }
    var settings = Settings.simulated()
    settings.limits.connectionRate = Rate(50)
    settings.waitingRoom.patience = .milliseconds(800)
    settings.deadlines.firstByte = .seconds(10)
    var driver = WorkerDriver(simulation, settings: settings)
    let world = simulation.world
    var promisedMost = 0
    while world.now < SimulatedWorld.start + .milliseconds(500), simulation.goesOn, simulation.step(&driver) {
      promisedMost = max(promisedMost, driver.worker.promisedCount)
    }
    var silent = 0
    driver.worker.forEachConnection { if $0.phase == .waiting { silent += 1 } }
    #expect(promisedMost > Self.count / 2 && silent > Self.count / 2, "\(promisedMost) \(silent)")
    #expect(driver.worker.promisedCount == 0)
    #expect(world.violations == [])
  }

  @Test(arguments: [1, 2] as [UInt64])
  func theHeldWhoseSlotsHaveComeAreLetGoAFewATurn(seed: UInt64) throws {
    var storm = Storm(readable: .hold1013)
    storm.settings.limits.connectionRate = Rate(5000)
    storm.settings.waitingRoom.capacity = 1
    // So long that they are called back as soon as anybody is.
    storm.settings.waitingRoom.patience = .seconds(3)
    storm.settings.refusal.hold.connections = 2 * Self.count
    storm.settings.refusal.cpu = 1
    var simulation = makeWorld(seed) { _ in }
    simulation.world.storm = storm
    try expectFew(run(&simulation, storm.settings, in: .holding, jump: .milliseconds(1050)), 4)
  }
}

@Suite struct DrainTests {
  /// Nothing happens in the meantime that would have the worker look.
  @Test func connectionsThatSayNothingAreToldAheadOfTheDrainsEnd() throws {
    var simulation = Simulation(
      seed: 1, clients: 1, faults: .none, misbehaviour: (.stall, .exchanging))
    let world = simulation.world
    var settings = Settings.simulated()
    settings.deadlines.idle = .seconds(3600)
    settings.deadlines.closing = .seconds(5)
    settings.drain.window = .seconds(1)
    var driver = WorkerDriver(simulation, settings: settings)
    while !isRelaying(driver) { try #require(simulation.goesOn && simulation.step(&driver)) }
    let end = world.now + .seconds(1)
    driver.shared.mailbox.send(.drain(deadline: end))
    world.schedule(.wake)
    while isRelaying(driver) { try #require(simulation.goesOn && simulation.step(&driver)) }
    #expect(end.since(world.now) > .milliseconds(490))
    while simulation.step(&driver) { try #require(simulation.goesOn) }
    #expect(world.violations == [])
  }

  private func isRelaying(_ driver: borrowing WorkerDriver) -> Bool {
    var count = 0
    driver.worker.forEachConnection { if $0.phase == .relaying { count += 1 } }
    return count > 0
  }
}
