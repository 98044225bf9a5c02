import Basics
import Policy

/// A worker whose machine is too slow for the rate that it may admit: time goes by in steps of a millisecond.
///
/// A handshake comes to the worker twice: first for the crypto, a round trip later for a little more, ahead of those
/// that haven't begun. Its client gives up some time after it has connected, wherever it is then, and comes again.
struct SaturatedWorld: ~Copyable {
  struct Plan {
    var clients = 3000
    var rate = 500
    var patience = Duration.seconds(1)
    /// Milliseconds: the client's patience, the crypto of one handshake, the round trip.
    var timeout = 2000
    var crypto = 5
    var roundTrip = 20
    /// True exactly when handshakes' delays are learnt, and those that begin too late are dropped.
    var learns = true
    /// True exactly when those that have begun go ahead of those that haven't.
    var finishesFirst = true
    /// Nobody is let in while so many are queued.
    var ready = 4
    var seconds = 40
  }

  private enum Place { case away, waiting, queued, talking, finishing }

  private struct Client {
    var place = Place.away
    var attempt = 0
    var readyAt = 0
    var queuedAt = 0
    var waited = 0
    var foreseen = HandshakeDelay.Foreseen()
  }

  let plan: Plan
  private var controller: AdmissionController
  private var clients: [Client]
  private var queue: [(client: Int, attempt: Int)] = []
  private var first = 0
  private var begun: [(client: Int, attempt: Int)] = []
  /// What happens in a millisecond, by client and attempt.
  private var comes: [[Int]]
  private var leaves: [[(Int, Int)]]
  private var answers: [[(Int, Int)]]
  private var reservations: [HandshakeBudget.Reservation?]
  private var busyUntil = 0
  private var generator: SeededGenerator
  /// Milliseconds from readiness to the handshake's end, for those that came in; and when that was.
  private(set) var served: [(at: Int, after: Int)] = []
  /// Handshakes whose crypto was done for a client that then gave up.
  private(set) var inVain = 0
  private(set) var refused = 0
  /// Those among them that had waited for all of their patience in the room.
  private(set) var refusedLate = 0

  init(_ plan: Plan, seed: UInt64) {
    self.plan = plan
    generator = SeededGenerator(seed: seed)
    let shared = AdmissionShared(
      RateLimit(plan.rate, burst: 10), workers: 1, capacity: 65_536, returns: ReturnSlots())
    controller = AdmissionController(
      worker: 0, shared: shared, listeners: [AdmissionGate(.unlimited, workers: 1)], slots: plan.clients,
      budget: HandshakeBudget(share: nil, now: Self.time(0)))
    clients = Array(repeating: Client(), count: plan.clients)
    reservations = Array(repeating: nil, count: plan.clients)
    // What happens past the end happens to nobody.
    comes = Array(repeating: [], count: plan.seconds * 1000 + 10_000)
    leaves = Array(repeating: [], count: comes.count)
    answers = leaves
    comes[0] = Array(0..<plan.clients)
  }

  mutating func run() {
    for step in 0..<plan.seconds * 1000 {
      for client in comes[step] { come(client, step) }
      for (client, attempt) in leaves[step] where clients[client].attempt == attempt { giveUp(client, step) }
      for (client, attempt) in answers[step] where clients[client].attempt == attempt {
        clients[client].place = .finishing
        enqueue(client, step)
      }
      admit(step)
      serve(step)
    }
  }

  private mutating func come(_ client: Int, _ step: Int) {
    clients[client].attempt += 1
    clients[client].readyAt = step
    clients[client].waited = 0
    let entrance = controller.enter(
      id(client), listener: 0, .tls13ECDSA, patience: plan.patience, now: Self.time(step))
    guard case .waiting = entrance else { return comeAgain(client, step, refused: true) }
    clients[client].place = .waiting
    leaves[step + plan.timeout].append((client, clients[client].attempt))
  }

  private mutating func giveUp(_ client: Int, _ step: Int) {
    switch clients[client].place {
    case .away: return
    case .waiting: controller.leave(id(client))
    case .queued: break
    case .talking, .finishing: inVain += 1
    }
    comeAgain(client, step, refused: false)
  }

  private mutating func comeAgain(_ client: Int, _ step: Int, refused isRefused: Bool) {
    if isRefused { refused += 1 }
    settle(client, step, nil)
    clients[client].place = .away
    clients[client].attempt += 1
    let pause = Int.random(in: 500...1000, using: &generator)
    comes[step + pause].append(client)
  }

  private mutating func admit(_ step: Int) {
    for _ in 0..<32 {
      guard queue.count - first < plan.ready else { return }
      if plan.learns { controller.foresee(queued: queue.count - first, now: Self.time(step)) }
      switch controller.next(now: Self.time(step)) {
      case .admit(let admission):
        let client = Int(admission.slot.index)
        reservations[client] = admission.reservation
        clients[client].foreseen = admission.foreseen
        clients[client].place = .queued
        enqueue(client, step)
      case .refuse(let slot, let reason):
        if reason == .patienceOver { refusedLate += 1 }
        comeAgain(Int(slot.index), step, refused: true)
      case .wait, .idle: return
      }
    }
  }

  private mutating func enqueue(_ client: Int, _ step: Int) {
    clients[client].queuedAt = step
    if clients[client].place == .finishing && plan.finishesFirst {
      begun.append((client, clients[client].attempt))
    } else {
      queue.append((client, clients[client].attempt))
    }
  }

  private mutating func serve(_ step: Int) {
    for (client, attempt) in begun where clients[client].attempt == attempt { serve(client, step) }
    begun = []
    while busyUntil <= step, first < queue.count {
      let (client, attempt) = queue[first]
      first += 1
      if plan.learns { controller.handshakeDelay.served(now: Self.time(step)) }
      if first == queue.count { controller.handshakeDelay.ranEmpty() }
      guard clients[client].attempt == attempt else { continue }
      serve(client, step)
    }
  }

  private mutating func serve(_ client: Int, _ step: Int) {
    clients[client].waited += step - clients[client].queuedAt
    if clients[client].place == .finishing { return finish(client, step) }
    let isLate = step - clients[client].readyAt > Int(plan.patience.inSeconds * 1250)
    if plan.learns && isLate { return comeAgain(client, step, refused: true) }
    busyUntil = step + plan.crypto
    clients[client].waited += plan.crypto
    clients[client].place = .talking
    answers[busyUntil + plan.roundTrip].append((client, clients[client].attempt))
  }

  private mutating func finish(_ client: Int, _ step: Int) {
    controller.handshakeDelay.learn(
      waited: .milliseconds(clients[client].waited), foreseen: clients[client].foreseen,
      now: Self.time(step))
    settle(client, step, .tls13ECDSA)
    served.append((step, step - clients[client].readyAt))
    clients[client].place = .away
    clients[client].attempt += 1
    // Somebody else takes its place.
    comes[step + Int.random(in: 500...1000, using: &generator)].append(client)
  }

  private mutating func settle(_ client: Int, _ step: Int, _ c: HandshakeClass?) {
    guard let reservation = reservations[client] else { return }
    reservations[client] = nil
    controller.budget.settle(reservation, measuredAs: c, nanoseconds: 170_000, now: Self.time(step))
  }

  private func id(_ client: Int) -> SlotID {
    slot(client, generation: UInt32(clients[client].attempt & 0xffffff))
  }
  private static func time(_ step: Int) -> MonotonicTime {
    MonotonicTime(nanoseconds: 1_000_000_000_000) + .milliseconds(step)
  }
}
