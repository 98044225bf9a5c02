internal import Basics
internal import Dispatch
internal import Policy
public import Settings
internal import Synchronization
internal import TLS
internal import Telemetry
internal import Uring

/// The data plane as the control plane sees it: workers that start, take other settings, drain and stop.
public final class ProxyServer: Sendable {
  private struct State {
    var topology: Topology
    var nextBindIndex: Int
    var hasStarted = false
    var isDraining = false
  }

  private let state: Mutex<State>
  private let workers: [WorkerShared]
  private let threads: [WorkerThread]
  private let process: ProcessShared
  private let material: TLSMaterial
  private let startedAt: MonotonicTime
  /// As large as they were made at the start: a reload doesn't change tables and rings.
  private let layout: Layout

  /// Connections that a worker has room for, and the rings that it needs for them.
  private struct Layout {
    let connectionsPerWorker: Int
    let rings: Int
  }
  private let ended = DispatchGroup()

  /// Opens the listening sockets, loads the certificates, reserves memory, makes the workers' threads. Nothing runs yet.
  public init(settings: Settings) throws(ProxyError) {
    raiseDescriptorLimit()
    startedAt = .current()
    let material = try TLSMaterial(settings, workers: workerCount(settings), now: startedAt)
    self.material = material
    let process = ProcessShared(settings: settings, workers: material.workers)
    self.process = process
    workers = (0..<material.workers).map {
      WorkerShared(index: $0, process: process, library: material.libraries[$0])
    }
    let room = connectionsPerWorker(settings, workers: material.workers)
    layout = Layout(connectionsPerWorker: room, rings: UringEngine.ringCount(connections: room))
    var next = 0
    let topology = try Self.build(settings, material, rings: layout.rings, continuing: nil, &next)
    state = Mutex(State(topology: topology, nextBindIndex: next))
    threads = try WorkerThread.all(workers, priority: settings.realtimePriority)
  }

  deinit { if !state.withLock({ $0.hasStarted }) { threads.forEach { $0.cancel() } } }

  private static func build(
    _ settings: Settings, _ material: TLSMaterial, rings: Int, continuing old: Topology?,
    _ nextBindIndex: inout Int
  ) throws(ProxyError) -> Topology {
    let workers = material.workers
    let pools = Topology.makePools(settings, workers: workers, continuing: old)
    let listeners = Topology.makeListeners(
      settings, pools: pools, contexts: try material.contexts(settings), workers: workers, continuing: old)
    let binds = try ListeningSockets.open(
      listeners, limits: settings.limits, continuing: old?.binds ?? [], workers: workers, rings: rings,
      &nextBindIndex)
    return Topology(
      settings: settings, listeners: listeners, pools: pools, binds: binds, continuing: old)
  }

  /// Starts the workers' threads; returns once all of them accept.
  public func start() throws(ProxyError) {
    let topology = state.withLock { state in
      precondition(!state.hasStarted, "started twice")
      state.hasStarted = true
      return state.topology
    }
    for thread in threads { thread.begin(topology, ended: ended) }
    var failure: ProxyError?
    for thread in threads {
      if let error = thread.waitUntilReady() { failure = failure ?? error }
    }
    guard let failure else { return }
    stop()
    throw failure
  }

  /// Puts other settings in force, whole or not at all; live connections stay. Not from two threads at once.
  ///
  /// What only a restart changes (`workers`, their priority, `limits.buffer_memory`, the size of the connection tables)
  /// stays.
  public func apply(_ settings: Settings) throws(ProxyError) {
    let (old, index, isDraining) = state.withLock { ($0.topology, $0.nextBindIndex, $0.isDraining) }
    guard !isDraining else { throw ProxyError("this process is draining: its settings stay as they are") }
    var next = index
    // Rings and tables are as large as they were made at the start.
    var inForce = settings
    inForce.workers = old.settings.workers
    let topology = try Self.build(inForce, material, rings: layout.rings, continuing: old, &next)
    material.adopt(settings)
    let done = topology.putInForce(process, workers, now: .current())
    state.withLock {
      $0.topology = topology
      $0.nextBindIndex = next
    }
    for semaphore in done { semaphore.wait() }
  }

  /// Accepts no more; the workers end when their connections have, or at the end of `window` (nil: no end).
  public func drain(window: Duration?) {
    let deadline = window.map { MonotonicTime.current() + $0 } ?? .distantFuture
    state.withLock { $0.isDraining = true }
    for worker in workers { worker.mailbox.send(.drain(deadline: deadline)) }
  }

  /// Ends all connections and the workers at once.
  public func stop() {
    for worker in workers { worker.mailbox.send(.stop) }
  }

  /// Blocks the calling thread until every worker's thread has ended.
  public func waitUntilEnded() { ended.wait() }

  /// Records of ended connections, oldest first per worker. Called by one reader.
  public func takeRecords(_ body: (ConnectionRecord) -> Void) {
    for worker in workers { worker.records.drain { body($0) } }
  }

  /// Lets ticket keys go on with the time; call once a minute.
  public func rotateTicketKeys() {
    material.rotateTicketKeys(of: state.withLock { $0.topology.listeners }, now: .current())
  }

  /// Gives memory that a peak of handshakes has left back to the kernel; call a few times a second. Takes some
  /// milliseconds when there is any; who needs memory from malloc waits meanwhile, which the relaying doesn't.
  public func returnMemory() {
    if process.hasFreeMemory.exchange(false, ordering: .relaxed) { TLSLibrary.returnFreeMemory() }
  }

  /// For `show tls-keys`.
  public func ticketKeys() -> [TicketKeyList] { state.withLock { $0.topology }.ticketKeyLists }

  /// For `set ssl tls-key`: another key for those of files, from the next handshake on, until a reload reads the
  /// files again.
  /// - Parameters:
  ///   - key: in base64, as a line of such a file.
  ///   - place: which of `ticketKeys()`.
  public func addTicketKey(_ key: String, toList place: Int) throws(ProxyError) {
    let keys = state.withLock { $0.topology }.distinctTicketKeys
    guard keys.indices.contains(place) else { throw ProxyError("these ticket keys are gone") }
    do throws(TLSError) {
      try keys[place].add(base64: key, wallTime: .current())
    } catch {
      throw ProxyError(error.description)
    }
  }

  /// All listeners' certificates, for monitors.
  public func certificates() -> [ServedCertificate] { state.withLock { $0.topology }.servedCertificates }

  /// Lets the most live connections that backends have had begin anew, with those of now.
  public func clearMaxima() {
    for pool in state.withLock({ $0.topology }).pools {
      for backend in pool.backends { backend.live.clearMax() }
    }
  }

  /// The figures of this moment.
  public func snapshot() -> Snapshot {
    let (topology, isDraining) = state.withLock { ($0.topology, $0.isDraining) }
    var snapshot = Snapshot(startedAt: startedAt, now: .current(), settings: topology.settings)
    snapshot.workers = workers.map { Counted(summing: [$0.counters]) }
    snapshot.directDescriptors = 2 * layout.connectionsPerWorker * workers.count
    snapshot.isDraining = isDraining
    snapshot.admission = AdmissionSnapshot(process, workers, now: snapshot.now)
    snapshot.handshakes = HandshakeTimes(workers.map(\.handshakeTimes))
    snapshot.listeners = topology.listeners.map { listener in
      ListenerSnapshot(
        settings: listener.settings,
        bound: topology.binds.filter { $0.listener === listener }.map(\.bound),
        isAccepting: !isDraining, counters: Counted(summing: listener.counters),
        waiting: listener.gate.waitingCount)
    }
    snapshot.pools = topology.pools.map { pool in
      PoolSnapshot(settings: pool.settings, backends: pool.backends.map { $0.snapshot() })
    }
    return snapshot
  }
}

extension BackendState {
  fileprivate func snapshot() -> BackendSnapshot {
    BackendSnapshot(
      settings: settings, connectionsLive: live.now.load(ordering: .relaxed),
      connectionsLiveMax: live.max.load(ordering: .relaxed), counters: Counted(summing: counters))
  }
}
