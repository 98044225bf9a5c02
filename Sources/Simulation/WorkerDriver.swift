internal import Basics
internal import Proxy
public import Settings
internal import Telemetry

/// The real worker over the simulated world.
public struct WorkerDriver: ~Copyable, SimulatedDriver {
  private var worker: Worker<SimulatedEngine>
  private let shared: WorkerShared
  private let topology: Topology
  private let world: SimulatedWorld

  public init(_ simulation: Simulation, settings: Settings) {
    world = simulation.world
    topology = Topology.withoutSockets(settings)
    shared = WorkerShared(index: 0, process: ProcessShared())
    worker = Worker(
      engine: simulation.makeEngine(), shared: shared, topology: topology, seed: simulation.seed)
  }

  public mutating func turn() -> Bool { worker.turn() }

  public var buffersTaken: Int { worker.buffersTaken }

  public var exhaustions: UInt64 {
    worker.buffersExhausted + shared.counters[.slotsExhausted] + shared.counters[.descriptorsExhausted]
  }

  public var answersGarbage: Bool { topology.settings.listeners[0].mode == .websocket }

  public func leftovers() -> [String] {
    let counts = [
      "connections": worker.connectionCount, "deadlines": worker.timerCount,
      "live connections of the process": shared.process.live.now,
      "live connections of the worker": Int(shared.counters[.connectionsLive]),
      "live connections of the backends": topology.backendConnectionsLive,
      "stale completions": Int(shared.counters[.completionsStale]),
      "connections accepted and not ended": Int(accepted) - Int(shared.counters[.connectionsEnded]),
    ]
    return counts.filter { $0.value != 0 }.map { "\($0.value) \($0.key)" }.sorted() + recordFaults()
  }

  /// What the connections' records tell otherwise than their clients do.
  private func recordFaults() -> [String] {
    var records: [ConnectionRecord] = []
    shared.records.drain { records.append($0) }
    let byClient = Dictionary(grouping: records) { $0.client }
    return world.clients.flatMap { client in
      RecordCheck(client: client, records: byClient[client.address] ?? []).faults(isWebSocket: answersGarbage)
    }
  }

  /// Those that got a slot.
  private var accepted: UInt64 { shared.counters[.connectionsAccepted] - shared.counters[.slotsExhausted] }
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
