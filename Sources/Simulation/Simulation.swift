public import Basics
internal import Proxy

/// A world from a seed, run until it is at rest, and judged.
public struct Simulation {
  /// Bounds a run that doesn't come to rest.
  static let turnsMax = 200_000
  static let storyLength = 120

  public let seed: UInt64
  let world: SimulatedWorld
  private var report: SimulationReport

  /// - Parameter clients: how many arrive, within a quarter of a second.
  public init(seed: UInt64, clients: Int = 12, faults: Faults = .all) {
    self.init(seed: seed, clients: clients, faults: faults, misbehaviour: nil)
  }

  /// - Parameters:
  ///   - storm: what the run is made for; its settings are the worker's.
  ///   - world: which of several worlds this is.
  public init(seed: UInt64, clients: Int, faults: Faults, storm: Storm, world number: Int = 0) {
    self.seed = seed
    report = SimulationReport(seed: seed)
    world = SimulatedWorld(seed: seed, faults: faults)
    world.backendEndpoints = Self.backendEndpoints
    world.storm = storm
    world.number = number
    for id in 0..<clients {
      var random = SeededGenerator(seed: world.random.next())
      let arrivesAt = world.pick(0...storm.spread)
      let plan = storm.plan(ClientPlan(faults: faults, random: &random), arrivesAt: arrivesAt, world)
      let client = SimulatedClient(id: id, plan: plan, random: random)
      storm.prepare(client, world)
      world.clients.append(client)
      world.schedule(.arrive(client), in: arrivesAt...arrivesAt)
      if let leavesAt = plan.leavesAt {
        world.events.push(.client(client), at: leavesAt, tie: world.random.next())
      }
    }
  }

  /// - Parameter misbehaviour: what every client does, and where; nil leaves it to the seed.
  public init(
    seed: UInt64, clients: Int, faults: Faults, misbehaviour: (ClientPlan.Misbehaviour, ClientPlan.Phase)?
  ) {
    self.seed = seed
    report = SimulationReport(seed: seed)
    world = SimulatedWorld(seed: seed, faults: faults)
    world.backendEndpoints = Self.backendEndpoints
    for id in 0..<clients {
      var random = SeededGenerator(seed: world.random.next())
      let plan =
        misbehaviour.map { ClientPlan($0.0, in: $0.1, faults: faults, random: &random) }
        ?? ClientPlan(faults: faults, random: &random)
      let client = SimulatedClient(id: id, plan: plan, random: random)
      world.clients.append(client)
      world.schedule(.arrive(client), in: 0...250_000)
    }
  }

  /// Where the simulated backends listen.
  public static let backendEndpoints: [Endpoint] = (1...3).map {
    .ip(IPAddress(ipv4: 0x0a01_0000 + $0), port: 9001)
  }

  /// Where clients have connected to, whatever the listener's address.
  static let proxyEndpoint = Endpoint.ip(IPAddress(ipv4: 0x0a02_0001), port: 443)

  /// The world as its driver sees it. To be taken once.
  public func makeEngine() -> SimulatedEngine { SimulatedEngine(world: world) }

  /// Runs the driver until the world is at rest, and says what came of it.
  public consuming func run(_ driver: inout some SimulatedDriver & ~Copyable) -> SimulationReport {
    while goesOn, step(&driver) {}
    return conclude(driver)
  }

  var goesOn: Bool {
    report.turns < Self.turnsMax && world.violations.isEmpty && !isAtRest && !world.isStuck
  }

  mutating func step(_ driver: inout some SimulatedDriver & ~Copyable) -> Bool {
    report.turns += 1
    return driver.turn()
  }

  mutating func conclude(_ driver: borrowing some SimulatedDriver & ~Copyable) -> SimulationReport {
    if world.violations.isEmpty { judge(driver) }
    finish()
    return report
  }

  var isAtRest: Bool {
    world.events.isEmpty && !world.hasReady && world.socketsOpen == 0 && world.clients.allSatisfy(\.isDone)
  }

  // MARK: Judging

  private mutating func judge(_ driver: borrowing some SimulatedDriver & ~Copyable) {
    if report.turns >= Self.turnsMax { report.violations.append("no rest after \(report.turns) turns") }
    let mayRefuse =
      world.storm != nil || world.connectFaults > 0 || world.exhaustions > 0 || driver.exhaustions > 0
    let mayCut = world.exhaustions > 0 || driver.exhaustions > 0
    for client in world.clients {
      if let wrong = fault(of: client, mayRefuse: mayRefuse, mayCut: mayCut, driver.answersGarbage) {
        report.violations.append(wrong)
      }
    }
    report.violations += driver.leftovers() + worldLeftovers()
    if driver.buffersTaken != 0 {
      report.violations.append("\(driver.buffersTaken) buffers weren't given back")
    }
  }

  /// What is wrong with how it ended for a client; nil when it is explained.
  private func fault(of client: SimulatedClient, mayRefuse: Bool, mayCut: Bool, _ answersGarbage: Bool)
    -> String?
  {
    let isInnocent = client.plan.misbehaviour == nil && !client.isExcused
    if client.plan.kind == .garbage {
      guard isInnocent, answersGarbage, !mayRefuse, client.outcome == .refused(status: 0) else { return nil }
      return "garbage without an answer: \(client.description)"
    }
    switch client.outcome {
    case .underWay: return "not at its end: \(client.description)"
    case .cut where isInnocent && !mayCut: return "cut without a cause: \(client.description)"
    case .refused where isInnocent && !mayRefuse: return "refused without a cause: \(client.description)"
    case .cut, .refused, .held, .completed, .misbehaved: return nil
    }
  }

  private func worldLeftovers() -> [String] {
    var left: [String] = []
    if world.socketsOpen != 0 { left.append("\(world.socketsOpen) sockets weren't closed") }
    if !world.tokens.isEmpty { left.append("\(world.tokens.count) operations are in flight") }
    if !world.held.isEmpty { left.append("sends hold buffers") }
    return left
  }

  private mutating func finish() {
    report.violations += world.violations
    report.traceHash = world.trace.hash
    report.events = world.trace.count
    report.simulated = world.now.since(SimulatedWorld.start)
    for client in world.clients {
      switch client.outcome {
      case .completed: report.completed += 1
      case .refused(let status):
        report.refused += 1
        if status == 0 { report.unanswered += 1 }
      case .held: report.held += 1
      case .cut: report.cut += 1
      case .misbehaved: report.misbehaved += 1
      case .underWay: break
      }
    }
    if !report.isPassed { report.story = story() }
  }

  private func story() -> [String] {
    world.trace.last(Self.storyLength).map(\.description)
      + world.clients.filter { !$0.isDone }.map(\.description)
      + world.backends.filter { !$0.isDone }.map(\.description)
  }
}
