internal import Basics
internal import Glibc
internal import Proxy

/// Everything outside of the worker: the clock, the kernel's sockets, the peers, and what is due to happen.
///
/// One generator decides everything, so that a seed is a world.
final class SimulatedWorld {
  struct Listener {
    /// Clients whose connect the kernel has answered, in order.
    var backlog: [SimulatedSocket] = []
    var isArmed = false
    var isStopped = false
    var isScheduled = false
  }

  struct Ready {
    var completion: Completion
    var socket: SimulatedSocket?
    var address: Endpoint?
  }

  let faults: Faults
  var random: SeededGenerator
  /// The first instant isn't zero: a clock of a machine that has been running.
  static let start = MonotonicTime(nanoseconds: 1_000_000_000)
  var now = SimulatedWorld.start
  /// True exactly when the storm's stall has been.
  var hasStalled = false
  var events = EventQueue()
  var trace = Trace()
  /// What was against the rules, or not as it must be. The first matters.
  var violations: [String] = []

  var listeners: [Listener] = []
  var handles: [SimulatedSocket?]
  var freeHandles: [UInt32]
  var socketCount = 0
  /// Completions that the worker hasn't seen, oldest first.
  var ready: [Ready] = []
  var readyNext = 0
  /// Tokens in flight.
  var tokens: Set<CompletionToken> = []
  var held = BuffersInFlight()
  /// Sockets with an operation begun since the last wait that isn't to end the next one.
  var unexpected: [SocketHandle] = []
  var peerAddress: Endpoint?
  /// What a look for the proxy's own address has found.
  var localAddress: Endpoint?
  /// True exactly when backends expect a PROXY header.
  var introducesClients = false

  var clients: [SimulatedClient] = []
  var backends: [SimulatedBackend] = []
  var backendEndpoints: [Endpoint] = []
  /// Faults that may have cost a client its connection without anybody knowing whose.
  var connectFaults = 0
  var exhaustions = 0
  /// What makes it a run of admission; nil otherwise.
  var storm: Storm?
  /// How much of a turn the worker has spent, as its own measuring has it; and others meanwhile.
  var worked = Duration.zero
  var preempted = Duration.zero
  /// Which of several worlds of one process this is, from 0.
  var number = 0
  /// No wait goes past it: other workers haven't got there yet.
  var horizon = MonotonicTime.distantFuture
  /// Until when the worker would have waited, if the last wait ended at the horizon; nil when it ended for a
  /// reason of its own.
  var sleepsUntil: MonotonicTime?
  /// True exactly when nothing is due and the worker would wait forever.
  var isStuck = false

  init(seed: UInt64, faults: Faults) {
    self.faults = faults
    random = SeededGenerator(seed: seed)
    handles = Array(repeating: nil, count: faults.sockets)
    freeHandles = (0..<UInt32(faults.sockets)).reversed()
  }

  func chance(_ probability: Double) -> Bool {
    probability > 0 && Double.random(in: 0..<1, using: &random) < probability
  }

  func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

  /// The clock goes on while the worker works, and while somebody else has its CPU.
  func readClock() -> MonotonicTime { now + worked + preempted }

  /// Between two looks the worker has worked, where the storm makes work take time.
  func readWorkClock() -> UInt64 {
    if let work = storm?.work { worked += .microseconds(pick(work)) }
    if let preemption = storm?.preemption { preempted += .microseconds(pick(preemption)) }
    return (now + worked).nanoseconds
  }

  func record(_ name: StaticString, _ subject: Int, _ value: Int = 0) {
    trace.add(name, subject, value, at: now)
  }

  func violate(_ what: String) {
    record("VIOLATION", violations.count)
    violations.append(what)
  }

  /// Puts an event after the time that such things take, with luck.
  func schedule(_ event: WorldEvent, in microseconds: ClosedRange<Int> = 0...30) {
    var delay = UInt64(pick(microseconds))
    if chance(faults.delays) { delay += UInt64.random(in: 0...faults.delayMaxMicroseconds, using: &random) }
    events.push(event, at: MonotonicTime(nanoseconds: now.nanoseconds + delay * 1000), tie: random.next())
  }

  // MARK: The sockets' table

  func makeSocket(_ peer: SimulatedSocket.Peer) -> SimulatedSocket {
    socketCount += 1
    let capacity = pick(chance(faults.tinyKernelBuffers) ? 150...2000 : faults.kernelBuffer)
    return SimulatedSocket(id: socketCount, peer: peer, capacity: capacity)
  }

  /// Gives the socket a place in the table; false when it is full.
  func open(_ socket: SimulatedSocket) -> Bool {
    guard let index = freeHandles.popLast() else {
      exhaustions += 1
      return false
    }
    socket.handle = SocketHandle(rawValue: index)
    handles[Int(index)] = socket
    return true
  }

  /// The socket meant by a verb of the worker's; nil (and a violation) when it is none that may be used.
  func socket(_ handle: SocketHandle, for verb: StaticString) -> SimulatedSocket? {
    guard !handle.isNone, Int(handle.rawValue) < handles.count, let socket = handles[Int(handle.rawValue)]
    else {
      violate("\(verb) on a socket that isn't open: \(handle.rawValue)")
      return nil
    }
    guard !socket.isClosing else {
      violate("\(verb) on socket #\(socket.id), which is being closed")
      return nil
    }
    return socket
  }

  // MARK: Operations in flight

  func expectsNothing(of handle: SocketHandle) {
    let isBusy = handles[Int(handle.rawValue)].map { !$0.inFlight.isEmpty } ?? false
    if !isBusy { violate("nothing is expected of socket \(handle.rawValue), which does nothing") }
    unexpected.append(handle)
  }

  func expectsSomething(of handle: SocketHandle) {
    guard let index = unexpected.firstIndex(of: handle) else {
      return violate("something is expected of socket \(handle.rawValue) that always was")
    }
    unexpected.remove(at: index)
  }

  /// Notes an operation as in flight, and that the rules allow it.
  func begin(_ verb: SimulatedSocket.Verb, _ token: CompletionToken, on socket: SimulatedSocket) {
    switch verb {
    case .receive, .send, .shutdown, .connect, .close, .address:
      if socket.inFlight.contains(where: { $0.verb == verb }) {
        violate("two of \(verb) in flight on socket #\(socket.id)")
      }
    case .cancel: break
    }
    // Sockets that never got a connection's slot are closed with a token that stands for nobody.
    if token.slot.index != .max, verb != .cancel, !tokens.insert(token).inserted {
      violate("token \(token.operation) of slot \(token.slot.index) reused in flight")
    }
    socket.inFlight.append((token, verb))
    record("begin", socket.id, Int(token.operation))
  }

  func complete(
    _ token: CompletionToken, _ result: Int32, on socket: SimulatedSocket?, buffer: BufferID = .none,
    accepted: SocketHandle = .none, address: Endpoint? = nil, more: Bool = false, isFollowed: Bool = false
  ) {
    record("complete", socket?.id ?? 0, Int(token.operation) << 32 | Int(UInt32(bitPattern: result)))
    let completion = Completion(
      token: token, result: result, buffer: buffer, socket: accepted, more: more, isFollowed: isFollowed)
    ready.append(Ready(completion: completion, socket: socket, address: address))
  }

  /// The next completion that the worker gets to see.
  func takeReady() -> Completion? {
    peerAddress = nil
    guard readyNext < ready.count else {
      ready.removeAll(keepingCapacity: true)
      readyNext = 0
      return nil
    }
    let next = ready[readyNext]
    readyNext += 1
    peerAddress = next.address
    localAddress = next.completion.result == 0 ? Simulation.proxyEndpoint : nil
    noteGone(next)
    if let socket = next.socket, !next.completion.more {
      socket.forget(next.completion.token)
      tokens.remove(next.completion.token)
    }
    return next.completion
  }

  /// Notes when the worker gets to know of a client's reset.
  private func noteGone(_ next: Ready) {
    guard next.completion.token.operation == Operation.clientReceive.rawValue,
      next.completion.result == -ECONNRESET || next.completion.result == -EPIPE,
      let socket = next.socket, case .client(let client) = socket.peer
    else { return }
    client.isSeenGone = true
  }

  var socketsOpen: Int { handles.count - freeHandles.count }
  var hasReady: Bool { readyNext < ready.count }
}
