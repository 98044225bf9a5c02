internal import Basics
internal import Policy
internal import Proxy
public import Settings

/// Several workers of one process, each in a world of its own, all at one time: their clocks never differ by
/// more than a quantum, but for what a worker sleeps through.
///
/// They share what workers share: the limits, the room's order, the held, the ledger. The one that is furthest
/// behind has its turn.
public struct Crew {
  /// As of when other settings are in force, in microseconds after the start, and which.
  public struct Reload {
    var at: Int
    var settings: Settings

    public init(at: Int, settings: Settings) {
      self.at = at
      self.settings = settings
    }
  }

  private final class Seat {
    var simulation: Simulation
    var driver: WorkerDriver

    init(_ simulation: Simulation, _ driver: consuming WorkerDriver) {
      self.simulation = simulation
      self.driver = driver
    }

    var world: SimulatedWorld { simulation.world }
    var shared: WorkerShared { driver.shared }
    /// The earliest time at which it may do anything.
    var actsAt: MonotonicTime { max(world.now, world.sleepsUntil ?? world.now) }
    func step() -> Bool { simulation.step(&driver) }
    func conclude() -> SimulationReport { simulation.conclude(driver) }
  }

  /// How far one may be ahead of another.
  private static let quantum = Duration.microseconds(200)

  private let seats: [Seat]
  private let rate = RateWatch()
  private var topology: Topology
  private var reload: Reload?

  /// - Parameter clients: of each worker.
  public init(
    seed: UInt64, workers: Int, clients: Int, faults: Faults, storm: Storm, reload: Reload? = nil
  ) {
    var random = SeededGenerator(seed: seed)
    let process = ProcessShared(settings: storm.settings, workers: workers, using: &random)
    let topology = Topology.withoutSockets(storm.settings, workers: workers)
    self.topology = topology
    self.reload = reload
    let rate = rate
    seats = (0..<workers).map { number in
      let simulation = Simulation(
        seed: random.next(), clients: clients, faults: faults, storm: storm, world: number)
      let shared = WorkerShared(index: number, process: process)
      return Seat(simulation, WorkerDriver(simulation, shared, topology, rate))
    }
  }

  /// Runs until all worlds are at rest, and judges each: a report for each worker.
  public mutating func run() -> [SimulationReport] {
    while let seat = next() {
      if let reload, seat.world.now >= SimulatedWorld.start + .microseconds(reload.at) { apply(reload, seat) }
      setHorizon(of: seat)
      guard seat.step() else { break }
    }
    return seats.map { $0.conclude() }
  }

  /// The one that is furthest behind; nil when all are at rest, or one of them breaks a rule.
  private func next() -> Seat? {
    let isOver = seats.contains { !$0.simulation.goesOn && !$0.simulation.isAtRest }
    return isOver ? nil : seats.filter { !$0.simulation.isAtRest }.min { $0.world.now < $1.world.now }
  }

  private func setHorizon(of seat: Seat) {
    let others = seats.filter { $0 !== seat && !$0.simulation.isAtRest }
    let first = others.map(\.actsAt).min() ?? .distantFuture
    seat.world.horizon = first == .distantFuture ? first : first + Self.quantum
  }

  /// The limits change at once, the workers follow within a few milliseconds, at different times.
  private mutating func apply(_ reload: Reload, _ first: Seat) {
    self.reload = nil
    topology = Topology.withoutSockets(reload.settings, workers: seats.count, continuing: topology)
    topology.apply(to: seats.map(\.shared), now: first.world.now)
    rate.change()
    for seat in seats {
      seat.driver.topology = topology
      seat.world.schedule(.wake, in: 0...5000)
    }
  }
}
