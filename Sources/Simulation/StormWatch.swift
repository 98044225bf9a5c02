internal import Basics
internal import Policy
internal import Proxy
internal import Settings

/// Looks at the worker after each turn of a storm: no limit is passed at any instant, and nobody is let in
/// who has gone.
struct StormWatch {
  struct Look: Equatable {
    var admitted: UInt64 = 0
    var waiting = 0
    var held = 0
    var live = 0
    var accepted: UInt64 = 0
    var ended: UInt64 = 0
  }

  /// When each refused client may come again, by its address.
  private(set) var slots: [Endpoint: MonotonicTime] = [:]
  /// When each that is held was first seen so.
  private(set) var heldSince: [Endpoint: MonotonicTime] = [:]
  private var last = Look()
  /// Shared by the watches of all workers.
  private let rate: RateWatch
  private var letIn: Set<Endpoint> = []
  private var byAddress: [IPAddress: Int] = [:]
  private var clients: [Endpoint: SimulatedClient] = [:]

  init(_ rate: RateWatch) { self.rate = rate }

  /// True when connections have moved, so that they are worth a walk.
  mutating func notice(_ look: Look, settings: Settings, _ world: SimulatedWorld) -> Bool {
    defer { last = look }
    for _ in last.admitted..<look.admitted { rate.countAdmitted(settings.limits, world) }
    check(look.waiting, atMost: settings.waitingRoom.capacity, "waiting", world)
    check(look.held, atMost: settings.refusal.hold.connections, "held", world)
    check(look.live, atMost: settings.limits.connections, "live", world)
    return look != last
  }

  private func check(_ count: Int, atMost limit: Int, _ what: String, _ world: SimulatedWorld) {
    if count > limit { world.violate("\(count) \(what) where \(limit) may be") }
  }

  // MARK: The walk over the connections

  mutating func startWalk() { byAddress.removeAll(keepingCapacity: true) }

  mutating func see(_ glimpse: ConnectionGlimpse, _ world: SimulatedWorld) {
    if clients.isEmpty { for client in world.clients { clients[client.address] = client } }
    guard let address = glimpse.address, let client = clients[address] else { return }
    if glimpse.phase == .holding, heldSince[address] == nil { heldSince[address] = world.now }
    if glimpse.refusal != nil { slots[address] = glimpse.returnSlot }
    guard glimpse.refusal == nil, glimpse.phase != .accepting else { return }
    if let ip = address.ipAddress { byAddress[ip, default: 0] += 1 }
    guard [.upgrading, .connecting, .relaying].contains(glimpse.phase), letIn.insert(address).inserted
    else { return }
    if client.isSeenGone { world.violate("\(client.description) was let in although it had gone") }
    if client.isDenied { world.violate("\(client.description) was let in although it is denied") }
  }

  func endWalk(_ settings: Settings, _ world: SimulatedWorld) {
    guard let limit = settings.limits.perAddress.connections else { return }
    for (_, count) in byAddress { check(count, atMost: limit, "of one address", world) }
  }
}

/// The connection rate of a process, kept by ourselves: the generic cell rate algorithm.
final class RateWatch {
  /// Nanoseconds.
  private var arrival = 0.0

  /// In any window at most burst + rate x window.
  func countAdmitted(_ limits: Settings.Limits, _ world: SimulatedWorld) {
    guard let rate = limits.connectionRate, let burst = limits.connectionBurst else { return }
    let interval = 1e9 / Double(rate.count)
    let now = Double(world.now.nanoseconds)
    arrival = max(arrival, now) + interval
    if arrival - now > Double(burst) * interval + 1000 {
      world.violate("admitted faster than \(rate.count) a second and \(burst) at once")
    }
  }

  /// Another rate is in force, under which a whole burst may be left.
  func change() { arrival = 0 }
}
