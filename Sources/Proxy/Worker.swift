internal import Basics
internal import Policy
internal import Settings
internal import Synchronization
internal import Telemetry

/// The data plane of one thread: its engine, its connections, its loop.
///
/// A turn: hand operations to the kernel and wait; serve what has come, live connections first; fire deadlines;
/// spend a small budget on TLS handshakes. Nothing here blocks, and nothing allocates per message.
public struct Worker<Engine: IOEngine & ~Copyable>: ~Copyable {
  var engine: Engine
  var connections: SlotTable<Connection>
  /// Those that relay.
  var liveCount = 0
  var timers: TimerWheel
  var random: SeededGenerator
  let shared: WorkerShared
  let counters: CounterHandle<WorkerCounter>
  var topology: Topology
  /// What the engine's listener indexes stand for; nil once closed.
  var binds: [BoundListener?] = []
  /// Connections whose TLS handshake can begin.
  var handshakes: SlotQueue
  /// Those whose handshake has begun, and can go on.
  var begunHandshakes: SlotQueue
  /// Those among them that are refused once they can read it.
  var refusedHandshakes: SlotQueue
  /// Connections that wait for a buffer.
  var starved: SlotQueue
  /// Who may come in and when; who is refused in words; who is held.
  var admission: AdmissionController
  var refusals: RefusalBudget
  var held: HoldRoom
  /// Waiting in the clear, their clients' FIN seen in this turn.
  var leaving: [SlotID] = []
  /// When to look at those that wait again; nil when nobody waits.
  var nextAdmission: MonotonicTime?
  /// When the ledger is to be swept next.
  var nextSweep = MonotonicTime.zero
  var memory = MemoryReturn()
  var coalescing: CompletionCoalescing
  /// Where heads are rewritten.
  var scratch: [UInt8] = []
  /// Sends of live connections that this turn hands over, and receives of those that were held: until then nothing more
  /// of them arrives.
  var relayed = 0
  /// What there was since the last turn was counted. Messages are sends of live connections, but for those with which a
  /// connection ends.
  var brought = CompletionCoalescing.Turn()
  /// Sends that the wait is told not to be for: those of this turn, and those of the last one that aren't over yet.
  var quietSends = (begun: 0, missing: 0)
  /// Wraps: only neighbours are told apart.
  var turnNumber: UInt16 = 0
  /// The instant of this turn.
  var now: MonotonicTime
  /// The end of the last one.
  var reportedAt: MonotonicTime
  var isPaused = false
  var drain = Draining.no
  var isStopped = false

  enum Draining {
    case no
    /// Until the connections have gone, but not past the deadline.
    case until(MonotonicTime)
    /// The deadline is near: every connection has been told to go.
    case ending(MonotonicTime)
  }

  /// - Parameter seed: of everything random; the same seed and the same completions give the same run.
  public init(engine: consuming Engine, shared: WorkerShared, topology: Topology, seed: UInt64) {
    let capacity = engine.connectionCapacity
    now = engine.now
    reportedAt = engine.now
    coalescing = CompletionCoalescing(now: engine.now)
    connections = SlotTable(capacity: capacity)
    timers = TimerWheel(capacity: capacity, now: engine.now)
    handshakes = SlotQueue(capacity: capacity)
    begunHandshakes = SlotQueue(capacity: capacity)
    refusedHandshakes = SlotQueue(capacity: capacity)
    starved = SlotQueue(capacity: capacity)
    random = SeededGenerator(seed: seed)
    self.shared = shared
    self.topology = topology
    let settings = topology.settings
    admission = AdmissionController(
      worker: shared.index, shared: shared.process.admission, listeners: topology.gates, slots: capacity,
      budget: HandshakeBudget(share: settings.limits.handshakeCPU, now: engine.now))
    refusals = RefusalBudget(share: settings.refusal.cpu, now: engine.now)
    held = HoldRoom(total: shared.process.held, slots: capacity)
    counters = shared.counters.handle
    self.engine = engine
    scratch.reserveCapacity(2 * BufferPool.payload)
    for bind in topology.binds { startAccepting(bind) }
  }

  /// Runs until stopped, or drained.
  public mutating func run() {
    while turn() {}
    abandonAll()
  }

  /// One turn of the loop. False when it was the last.
  public mutating func turn() -> Bool {
    engine.submitAndWait(until: nextLook(), for: coalescing.batch(within: topology.settings.relay.coalesce))
    now = engine.now
    relayed = 0
    turnNumber &+= 1
    quietSends = (begun: 0, missing: quietSends.begun)
    let expected = quietSends.missing
    var followed = 0
    while let completion = engine.nextCompletion() {
      if completion.isFollowed { followed += 1 }
      dispatch(completion)
      brought.completions += 1
    }
    brought.arrivals = brought.completions - (expected - quietSends.missing) - followed
    assert(brought.arrivals >= 0, "nothing is both sent and followed, nor over twice")
    brought.waited = now.since(reportedAt)
    brought.crowd = connections.count - liveCount
    coalescing.turned(brought, now: now)
    brought = CompletionCoalescing.Turn()
    if quietSends.missing > 0 { coalescing.heldUp(now: now) }
    fireDeadlines()
    feedStarved()
    releaseDue()
    runAdmission()
    runHandshakes()
    sweepLedger()
    returnMemory()
    resumeAcceptingIfRoom()
    continueDrain()
    report()
    return !isOver
  }

  /// Deadlines pass together where connections came together: a turn sees to a few of each kind, and the next one
  /// begins at once when some are left. The later they are the more of them: a turn may accept clients of many listeners,
  /// and those mustn't come in faster than they go.
  static func deadlinesATurn(late: Duration) -> Int {
    let quarters = late.clampedNanoseconds / 250_000_000
    return 4 * (1 + Int(min(quarters, 15)))
  }

  private mutating func fireDeadlines() {
    var fired = 0
    while let index = timers.popDue(now) {
      deadlinePassed(index)
      fired += 1
      guard fired < Self.deadlinesATurn(late: timers.lateness(now)) else { return }
    }
  }

  private var isOver: Bool {
    if isStopped { return true }
    if case .no = drain { return false }
    return connections.count == 0
  }

  /// When to turn again if nothing happens.
  private func nextLook() -> MonotonicTime? {
    if handshakesQueued > 0 || isStopped { return .zero }
    var look = timers.nextDeadline()
    if let nextAdmission { look = min(look ?? .distantFuture, nextAdmission) }
    if let next = memory.nextLook { look = min(look ?? .distantFuture, next) }
    if let release = held.nextRelease { look = min(look ?? .distantFuture, release) }
    // Room may come from other workers' connections or buffers, of which no completion tells us.
    if isPaused || !starved.isEmpty { look = min(look ?? .distantFuture, now + .milliseconds(10)) }
    switch drain {
    case .no: break
    case .until(let end): look = min(look ?? .distantFuture, noticeTime(end))
    case .ending(let end): look = min(look ?? .distantFuture, end)
    }
    return look
  }

  var handshakesQueued: Int { handshakes.count + begunHandshakes.count + refusedHandshakes.count }

  private mutating func dispatch(_ completion: Completion) {
    guard let operation = Operation(rawValue: completion.token.operation) else {
      return dropStale(completion)
    }
    switch operation {
    case .accept: return accepted(completion)
    case .wake: return takeCommands()
    default: break
    }
    guard let c = connections.pointer(completion.token.slot) else { return dropStale(completion) }
    switch operation {
    case .accept, .wake: break
    case .clientReceive: received(c, .client, completion)
    case .backendReceive: received(c, .backend, completion)
    case .clientSend: sent(c, .client, completion.result)
    case .backendSend: sent(c, .backend, completion.result)
    case .clientShutdown: shutDown(c, .client)
    case .backendShutdown: shutDown(c, .backend)
    case .clientCancel: c.pointee.client.inFlight -= 1
    case .backendCancel: c.pointee.backend.inFlight -= 1
    case .backendConnect: connected(c, completion.result)
    case .clientAddress: addressFound(c)
    case .clientClose: socketClosed(c, .client)
    case .backendClose: socketClosed(c, .backend)
    }
    continueClosing(completion.token.slot)
  }

  /// A completion for a connection that is gone. Can't be, since slots outlive what is in flight; counted if
  /// it is, and what it carries goes back.
  private mutating func dropStale(_ completion: Completion) {
    if !completion.buffer.isNone { engine.buffers.give(completion.buffer) }
    if completion.token.slot != .nobody { counters.add(.completionsStale) }
  }

  private mutating func report() {
    reportedAt = engine.readClock()
    counters.add(.turns)
    counters.add(.busyNanoseconds, reportedAt.nanoseconds &- now.nanoseconds)
    shared.counters.set(.buffersTaken, UInt64(engine.buffers.takenCount))
    shared.counters.set(.buffersTotal, UInt64(engine.buffers.count))
    shared.counters.set(.buffersExhausted, engine.buffers.exhaustedCount)
    shared.counters.set(.handshakesQueued, UInt64(handshakesQueued))
    reportAdmission()
  }

  private func reportAdmission() {
    let counts = admission.counts
    shared.admission.set(.admitted, counts.admitted)
    shared.admission.set(.gone, counts.gone)
    shared.admission.set(.waitMaxNanoseconds, counts.waitMax.clampedNanoseconds)
    shared.admission.set(.marginNanoseconds, admission.margin.clampedNanoseconds)
    shared.admission.set(.longestWaitNanoseconds, admission.longestWait(now: now).clampedNanoseconds)
  }

  /// Gives up on the refused that never came back, a part of them ten times a second.
  private mutating func sweepLedger() {
    guard shared.index == 0, now >= nextSweep, shared.process.hasTold.load(ordering: .relaxed) else { return }
    nextSweep = now + .milliseconds(100)
    shared.process.ledger.sweep(now: now)
    if let returning = shared.process.ledger.figures.returning {
      shared.process.admission.returns.learn(returning: returning)
    }
  }

  func token(_ operation: Operation, _ c: ConnectionPointer) -> CompletionToken {
    CompletionToken(operation: operation.rawValue, slot: c.pointee.id)
  }
}

extension SlotID {
  /// The slot in tokens of operations that belong to no connection.
  static let nobody = SlotID(index: .max, generation: 0)
}
