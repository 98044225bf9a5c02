internal import Basics
internal import Policy
internal import Proxy
public import Settings
internal import Telemetry

/// The real worker over the simulated world.
public struct WorkerDriver: ~Copyable, SimulatedDriver {
  private(set) var worker: Worker<SimulatedEngine>
  let shared: WorkerShared
  /// The settings that the worker is judged by.
  var topology: Topology
  private let world: SimulatedWorld
  private var watch: StormWatch

  public init(_ simulation: Simulation, settings: Settings) {
    var random = SeededGenerator(seed: ~simulation.seed)
    let process = ProcessShared(settings: settings, workers: 1, using: &random)
    self.init(
      simulation, WorkerShared(index: 0, process: process), Topology.withoutSockets(settings),
      RateWatch())
  }

  /// One of the process's workers.
  init(_ simulation: Simulation, _ shared: WorkerShared, _ topology: Topology, _ rate: RateWatch) {
    world = simulation.world
    self.topology = topology
    self.shared = shared
    world.introducesClients = topology.settings.pools.contains { $0.proxyProtocol != nil }
    watch = StormWatch(rate)
    worker = Worker(
      engine: simulation.makeEngine(), shared: shared, topology: topology, seed: simulation.seed)
  }

  public mutating func turn() -> Bool {
    let goesOn = worker.turn()
    let inVain = worker.sendsAwaitedInVain
    if inVain > 0 { world.violate("\(inVain) sends that something waits for aren't expected") }
    if world.storm != nil { watchStorm() }
    return goesOn
  }

  private mutating func watchStorm() {
    let look = StormWatch.Look(
      admitted: worker.admittedCount, waiting: shared.process.waitingCount, held: shared.process.heldCount,
      live: shared.process.live.now, accepted: shared.counters[.connectionsAccepted],
      ended: shared.counters[.connectionsEnded])
    guard watch.notice(look, settings: topology.settings, world) else { return }
    watch.startWalk()
    worker.forEachConnection { watch.see($0, world) }
    watch.endWalk(topology.settings, world)
  }

  public var buffersTaken: Int { worker.buffersTaken }

  public var exhaustions: UInt64 {
    worker.buffersExhausted + shared.counters[.slotsExhausted] + shared.counters[.descriptorsExhausted]
  }

  public var answersGarbage: Bool { topology.settings.listeners[0].mode == .websocket }

  public func leftovers() -> [String] {
    let admission = shared.admissionSnapshot(now: world.now)
    let counts = [
      "waiting": worker.waitingCount, "held": worker.heldCount,
      "promised": worker.promisedCount, "expected by the process's count": shared.process.expectedCount,
      "waiting by the process's count": admission.waiting,
      "held by the counter": admission.held,
      "live connections of the listeners": topology.listenerConnectionsLive,
      "live connections of addresses": admission.addresses.reduce(0) { $0 + $1.connections },
      "connections": worker.connectionCount, "that relay": worker.relayingCount,
      "deadlines": worker.timerCount,
      "live connections of the process": shared.process.live.now,
      "live connections of the worker": Int(shared.counters[.connectionsLive]),
      "live connections of the backends": topology.backendConnectionsLive,
      "stale completions": Int(shared.counters[.completionsStale]),
      "connections accepted and not ended": Int(accepted) - Int(shared.counters[.connectionsEnded]),
    ]
    return counts.filter { $0.value != 0 }.map { "\($0.value) \($0.key)" }.sorted() + recordFaults(admission)
  }

  /// What the connections' records tell otherwise than their clients do.
  private func recordFaults(_ admission: AdmissionSnapshot) -> [String] {
    var records: [ConnectionRecord] = []
    shared.records.drain { records.append($0) }
    let byClient = Dictionary(grouping: records) { $0.client }
    let faults = world.clients.flatMap { client in
      RecordCheck(client: client, records: byClient[client.address] ?? []).faults(isWebSocket: answersGarbage)
    }
    guard world.storm != nil else { return faults }
    let check = StormCheck(
      settings: topology.settings, world: world, slots: watch.slots, heldSince: watch.heldSince,
      hasRunDry: exhaustions > 0)
    return faults + check.faults(records, admission)
      + world.clients.flatMap { check.faults(of: $0, byClient[$0.address] ?? []) }
  }

  /// Those that got a slot.
  private var accepted: UInt64 {
    let admission = shared.admissionSnapshot(now: world.now)
    return shared.counters[.connectionsAccepted] - shared.counters[.slotsExhausted]
      - admission[.processLimit] - admission[.listenerLimit]
  }
}

extension Settings {
  /// What the worker runs with in a simulation: everything plain, deadlines short, one listener, one pool.
  public static func simulated(mode: Listener.Mode = .websocket) -> Settings {
    var settings = Settings()
    let origin = SourceLocation(line: 1, column: 1)
    var listener = Listener(
      name: "public", location: origin, bind: [.ip(IPAddress(ipv4: 0x7f00_0001), port: 80)])
    listener.mode = mode
    listener.pool = "echo"
    let backends = Simulation.backendEndpoints.map { Backend(name: $0.description, address: $0) }
    settings.listeners = [listener]
    settings.pools = [Pool(name: "echo", location: origin, backends: backends)]
    settings.deadlines.idle = .seconds(30)
    settings.log.connections = "stdout"
    return settings
  }
}

extension Simulation {
  /// Runs the real worker in the world of a seed. To see a failure again: the same seed, clients and faults.
  public static func run(
    seed: UInt64, clients: Int = 12, faults: Faults = .all, settings: Settings = .simulated()
  ) -> SimulationReport {
    let simulation = Simulation(seed: seed, clients: clients, faults: faults)
    var driver = WorkerDriver(simulation, settings: settings)
    return simulation.run(&driver)
  }
}
