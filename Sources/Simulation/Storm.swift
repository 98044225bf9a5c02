internal import Basics
internal import Policy
public import Settings
internal import Wire

/// More clients than may come in: a run of the room, the budgets and the refusals, made from a seed.
public struct Storm: Sendable {
  /// What the worker runs with.
  public var settings = Settings.simulated()
  /// Microseconds within which the clients arrive.
  public var spread = 400_000
  /// The share of clients that give up while they wait.
  public var leavers = 0.2
  /// What every client does once it has been answered 101; nil leaves it to the seed.
  public var misbehaviour: ClientPlan.Misbehaviour?
  /// True exactly when every client wants a WebSocket, and none more than it may.
  public var isOrderly = false
  /// Clients that share an address.
  public var sharing = 1
  /// The share of clients from denied addresses, of those behind a balancer, and of those among these whose
  /// PROXY header is broken.
  public var denied = 0.0
  public var proxied = 0.0
  public var broken = 0.0
  /// Microseconds that pass whenever the worker measures its work; nil is none at all.
  public var work: ClosedRange<Int>?
  /// Microseconds that somebody else has the CPU meanwhile; nil is nobody.
  public var preemption: ClosedRange<Int>?

  /// When the worker is held up, in microseconds after the start, and for how long; nil is never.
  public var stall: (at: Int, microseconds: Int)?

  /// Fifty clients a second, and an ample room.
  public init(readable: Settings.Refusal.Readable = .unavailable) {
    settings.limits.connectionRate = Rate(50)
    settings.limits.connectionBurst = 5
    settings.waitingRoom.capacity = 12
    settings.waitingRoom.patience = .milliseconds(300)
    settings.refusal.readable = readable
    settings.refusal.hold.atMost = .seconds(5)
  }

  /// Another storm for every seed.
  public init(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    func pick<T>(_ choices: [T]) -> T { choices.randomElement(using: &random)! }
    self.init(readable: pick([.unavailable, .hold1013, .hold1013, .none]))
    settings.refusal.beforeTLS = pick([.reset, .close])
    settings.limits.connectionRate = Rate(pick([20, 50, 200]))
    settings.limits.connectionBurst = pick([1, 5, 10])
    settings.waitingRoom.capacity = pick([3, 12, 1000])
    settings.waitingRoom.patience = .milliseconds(pick([50, 300, 1000]))
    settings.refusal.hold.connections = pick([2, 1000])
    spread = pick([20_000, 400_000, 1_500_000])
    leavers = pick([0, 0.2, 0.5])
    if pick([true, false, false]) { settings.limits.connections = pick([6, 15]) }
    if pick([true, false, false, false]) { settings.listeners[0].connections = pick([4, 12]) }
    if pick([true, false, false]) { limitAddresses(&random) }
    if pick([true, false, false]) { denySome() }
    if pick([true, false, false]) { trustBalancers(broken: pick([0, 0.2])) }
    if pick([true, false, false, false]) {
      settings.refusal.cpu = 0.01
      work = 300...1500
    }
    if pick([true, false, false, false]) { stall = (pick([10_000, 200_000]), pick([400_000, 3_000_000])) }
  }

  private mutating func limitAddresses(_ random: inout SeededGenerator) {
    sharing = Int.random(in: 2...12, using: &random)
    if Bool.random(using: &random) { settings.limits.perAddress.connections = 3 }
    guard Bool.random(using: &random) else { return }
    settings.limits.perAddress.connectionRate = Rate(10)
    settings.limits.perAddress.burst = 2
  }

  private mutating func denySome() {
    denied = 0.2
    settings.listeners[0].deny = [Self.block(0x0a02_0000, 16)]
  }

  private mutating func trustBalancers(broken: Double) {
    proxied = 0.6
    self.broken = broken
    settings.listeners[0].proxyProtocol = .init(from: [Self.block(0xc000_0200, 24)])
  }

  private static func block(_ address: UInt32, _ prefix: Int) -> CIDR {
    guard let block = try? CIDR(IPAddress(ipv4: address), prefix: prefix) else {
      preconditionFailure("written here")
    }
    return block
  }

  // MARK: What it allows for

  var mayHold: Bool { settings.refusal.readable == .hold1013 }
  /// True exactly when there may be more refused than may be held.
  var mayFillHold: Bool { settings.refusal.hold.connections < 1000 }
  var limitsConnections: Bool {
    settings.limits.connections < 1000 || settings.listeners[0].connections != nil
  }

  // MARK: Its clients

  /// Gives a client its address, its way and its patience.
  func prepare(_ client: SimulatedClient, _ world: SimulatedWorld) {
    client.isDenied = world.chance(denied)
    let base: UInt32 = client.isDenied ? 0x0a02_0000 : 0x0a00_0000
    client.address = .ip(
      IPAddress(ipv4: base + UInt32(client.id / sharing)),
      port: UInt16(40_000 + 2000 * world.number + client.id))
    guard world.chance(proxied) else { return }
    client.peerAddress = .ip(
      IPAddress(ipv4: 0xc000_0201), port: UInt16(50_000 + 2000 * world.number + client.id))
    client.preamble = header(of: client, world)
  }

  /// A PROXY header in version 1 or 2.
  private func header(of client: SimulatedClient, _ world: SimulatedWorld) -> [UInt8] {
    if world.chance(broken) {
      client.hasBrokenHeader = true
      client.address = client.peerAddress!
      return Array("PROXY TCP4 here there\r\n".utf8)
    }
    guard world.chance(0.5), case .ip(let source, let port) = client.address else {
      var bytes: [UInt8] = []
      let listener = settings.listeners[0].bind[0]
      ProxyHeader(source: client.address, destination: listener).encodeV2(to: &bytes)
      return bytes
    }
    return Array("PROXY TCP4 \(source) 127.0.0.1 \(port) 80\r\n".utf8)
  }

  /// When this client gives up, if it does.
  func plan(_ plan: ClientPlan, arrivesAt: Int, _ world: SimulatedWorld) -> ClientPlan {
    var plan = plan
    plan.heldConduct = HeldConduct.allCases[world.pick(0...HeldConduct.allCases.count - 1)]
    if isOrderly { plan.kind = .webSocket }
    if let misbehaviour {
      plan = plan.misbehaving(misbehaviour, in: .exchanging)
      return plan
    }
    guard world.chance(leavers) else { return plan }
    plan.misbehaviour = world.chance(0.5) ? .reset : .vanish
    plan.phase = .closing
    plan.leavesAt = world.now + .microseconds(arrivesAt + world.pick(100...600_000))
    return plan
  }
}

extension Simulation {
  /// Runs the real worker in a storm. To see a failure again: the same seed, clients, faults and storm.
  public static func run(seed: UInt64, clients: Int = 40, faults: Faults, storm: Storm) -> SimulationReport {
    let simulation = Simulation(seed: seed, clients: clients, faults: faults, storm: storm)
    var driver = WorkerDriver(simulation, settings: storm.settings)
    return simulation.run(&driver)
  }
}
