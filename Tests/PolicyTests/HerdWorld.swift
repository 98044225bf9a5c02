import Basics
import Policy

/// How a client of a herd behaves when it isn't let in.
enum HerdHabit {
  /// Exponential backoff from 200 ms to 1 s, of which each time between half and all.
  case backoff
  /// Comes again when it was told to, in whole seconds and with up to a second of jitter.
  case obeys
  /// Is held, and comes again 10 ms after it has been let go at its slot.
  case held
  /// Comes again after 10 ms, whatever it hears.
  case immediate
}

/// A herd of clients in front of several workers' admission controllers: time goes by in steps of a
/// millisecond, and nothing sleeps.
struct HerdWorld {
  struct Plan {
    var clients = 5000
    var rate = 500
    var burst = 50
    var timeout = 10.0
    var patience = Duration.seconds(3)
    var habit = HerdHabit.backoff
    /// Handshake classes of the clients, by turn.
    var classes: [HandshakeClass] = [.tls13ECDSA]
    var share: Double?
    /// Workers sleep for up to so many milliseconds longer than they meant to.
    var stall = 4
    /// Clients say what they are so many milliseconds after they have connected; with nil at once.
    var hello: Int?
    var seconds = 60
    var reload: Reload?
  }

  /// Other settings, from a millisecond on.
  struct Reload {
    var step: Int
    var rate: RateLimit
    var share: Double?
  }

  private enum Place {
    case away, silent(worker: Int, Newcomer, since: Int), waiting(worker: Int, since: Int), admitted
  }

  let plan: Plan
  let shared: AdmissionShared
  private var workers: [Box]
  private let gate: AdmissionGate
  private var clients: [(place: Place, attempts: Int)]
  /// Clients that come in a millisecond.
  private var comes: [[Int]]
  /// Clients whose patience with the connection ends in a millisecond.
  private var leaves: [[Int]]
  /// Clients that say what they are in a millisecond.
  private var speaks: [[Int]]
  private var generator: SeededGenerator
  private(set) var admittedAt: [Int] = []
  private(set) var admittedClasses: [HandshakeClass] = []
  private(set) var ghosts = 0
  private(set) var refusals = 0
  /// Of those: refused before they had said anything.
  private(set) var unheard = 0
  /// Refused although they had been told when to come.
  private(set) var refusedAgain = 0
  /// Milliseconds at which those came that had been refused.
  private(set) var returns: [Int] = []
  /// Refused only after they had waited.
  private(set) var lateRefusals = 0
  private(set) var waits: [Double] = []

  /// A place for a value that can't be copied.
  private final class Box {
    var controller: AdmissionController
    var sleepsUntil = 0
    init(_ controller: consuming AdmissionController) { self.controller = controller }
  }

  init(_ plan: Plan, workers count: Int, seed: UInt64) {
    self.plan = plan
    generator = SeededGenerator(seed: seed)
    let limit = plan.rate == 0 ? RateLimit.unlimited : RateLimit(plan.rate, burst: plan.burst)
    let shared = AdmissionShared(limit, workers: count, capacity: 65_536, returns: ReturnSlots())
    let gate = AdmissionGate(.unlimited, workers: count)
    self.gate = gate
    self.shared = shared
    workers = (0..<count).map { worker in
      Box(
        AdmissionController(
          worker: worker, shared: shared, listeners: [gate], slots: plan.clients,
          budget: HandshakeBudget(share: plan.share, now: Self.time(0))))
    }
    clients = Array(repeating: (.away, 0), count: plan.clients)
    comes = Array(repeating: [], count: plan.seconds * 1000 + 1)
    leaves = comes
    speaks = comes
    comes[0] = Array(0..<plan.clients)
  }

  var isIn: Bool { admittedAt.count == plan.clients }

  mutating func run() {
    for step in 0..<plan.seconds * 1000 where !isIn {
      if let reload = plan.reload, reload.step == step { change(reload) }
      for client in leaves[step] { giveUp(client, step) }
      for client in speaks[step] { speak(client, step) }
      for client in comes[step] { come(client, step) }
      for worker in workers.indices { turn(worker, step) }
    }
  }

  /// Admissions in each whole second.
  var perSecond: [Int] { Self.perSecond(admittedAt) }

  static func perSecond(_ steps: [Int]) -> [Int] {
    var counts = Array(repeating: 0, count: (steps.max() ?? 0) / 1000 + 1)
    for step in steps { counts[step / 1000] += 1 }
    return counts
  }

  private mutating func change(_ reload: Reload) {
    let now = Self.time(reload.step)
    shared.change(reload.rate, capacity: shared.capacity, now: now)
    for box in workers { box.controller.reload(listeners: [gate], handshakeShare: reload.share, now: now) }
  }

  private mutating func come(_ client: Int, _ step: Int) {
    let worker = Int.random(in: 0..<workers.count, using: &generator)
    clients[client].attempts += 1
    if clients[client].attempts > 1 { returns.append(step) }
    let end = step + Int(plan.timeout * 1000)
    if end < leaves.count { leaves[end].append(client) }
    guard let hello = plan.hello else { return enter(client, worker, .unknown, since: step, step) }
    let isTLS = handshakeClass(client) != .plain
    let welcome = workers[worker].controller.welcome(
      listener: 0, certificates: isTLS ? [.ecdsa, .rsa] : nil, patience: plan.patience, now: Self.time(step))
    switch welcome {
    case .refused:
      unheard += 1
      return refused(client, worker, step)
    case .expected:
      let newcomer = isTLS ? Newcomer.expected : .expectedInTheClear
      clients[client].place = .silent(worker: worker, newcomer, since: step)
    case .hoped: clients[client].place = .silent(worker: worker, .hoped, since: step)
    }
    if step + hello < speaks.count { speaks[step + hello].append(client) }
  }

  private mutating func speak(_ client: Int, _ step: Int) {
    guard case .silent(let worker, let newcomer, let since) = clients[client].place,
      since + plan.hello! == step
    else { return }
    enter(client, worker, newcomer, since: since, step)
  }

  private mutating func enter(_ client: Int, _ worker: Int, _ newcomer: Newcomer, since: Int, _ step: Int) {
    switch workers[worker].controller.enter(
      id(client), listener: 0, handshakeClass(client), as: newcomer, patience: plan.patience,
      now: Self.time(step))
    {
    case .waiting: clients[client].place = .waiting(worker: worker, since: since)
    case .refused: refused(client, worker, step)
    }
  }

  /// The client's own timeout: it closes, the worker sees that at once.
  private mutating func giveUp(_ client: Int, _ step: Int) {
    switch clients[client].place {
    case .waiting(let worker, let since) where step - since == Int(plan.timeout * 1000):
      workers[worker].controller.leave(id(client))
    case .silent(let worker, let newcomer, let since) where step - since == Int(plan.timeout * 1000):
      workers[worker].controller.forget(newcomer, listener: 0)
    default: return
    }
    clients[client].place = .away
    comeAgain(client, step, told: nil)
  }

  private mutating func turn(_ worker: Int, _ step: Int) {
    let box = workers[worker]
    guard step >= box.sleepsUntil else { return }
    while true {
      switch box.controller.next(now: Self.time(step)) {
      case .admit(let admission): admit(admission, box, step)
      case .refuse(let slot, _):
        lateRefusals += 1
        refused(Int(slot.index), worker, step)
      case .wait, .idle:
        box.sleepsUntil = step + Int.random(in: 0...plan.stall, using: &generator)
        return
      }
    }
  }

  private mutating func admit(_ admission: Admission, _ box: Box, _ step: Int) {
    let client = Int(admission.slot.index)
    guard case .waiting = clients[client].place else {
      ghosts += 1
      return
    }
    clients[client].place = .admitted
    admittedAt.append(step)
    admittedClasses.append(handshakeClass(client))
    waits.append(admission.waited.inSeconds)
    box.controller.budget.settle(
      admission.reservation, measuredAs: handshakeClass(client),
      nanoseconds: box.controller.budget.costs[handshakeClass(client)], now: Self.time(step))
  }

  private mutating func refused(_ client: Int, _ worker: Int, _ step: Int) {
    clients[client].place = .away
    refusals += 1
    if clients[client].attempts > 1 { refusedAgain += 1 }
    let told = workers[worker].controller.reserveReturn(
      listener: 0, handshakeClass(client), patience: plan.patience,
      soonest: plan.habit == .held ? HoldRoom.shortest : .zero, now: Self.time(step), using: &generator)
    comeAgain(client, step, told: told)
  }

  private mutating func comeAgain(_ client: Int, _ step: Int, told: Duration?) {
    let wait: Double
    switch plan.habit {
    case .immediate: wait = 0.01
    case .held: wait = max(1, told?.inSeconds ?? 1) + 0.01
    case .obeys:
      wait = Double(told?.retryAfterSeconds ?? 1) + .random(in: 0..<1, using: &generator)
    case .backoff:
      let most = min(1, 0.2 * Double(1 << min(clients[client].attempts - 1, 10)))
      wait = .random(in: most / 2...most, using: &generator)
    }
    let again = step + max(1, Int(wait * 1000))
    if again < comes.count { comes[again].append(client) }
  }

  private func id(_ client: Int) -> SlotID {
    slot(client, generation: UInt32(clients[client].attempts & 0xffffff))
  }
  private func handshakeClass(_ client: Int) -> HandshakeClass { plan.classes[client % plan.classes.count] }
  private static func time(_ step: Int) -> MonotonicTime { at(1000) + .milliseconds(step) }
}
