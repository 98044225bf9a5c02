public import Basics
internal import Glibc
public import Policy
public import Proxy

/// The outside world of a worker, made from a seed: sockets, peers, time, and what goes wrong with them.
///
/// Holds the worker to the rules of `IOEngine`; what breaks them is a violation in the world's list.
public struct SimulatedEngine: ~Copyable, IOEngine {
  public var buffers: BufferPool
  let world: SimulatedWorld

  init(world: SimulatedWorld) {
    buffers = BufferPool(count: world.faults.buffers)
    self.world = world
  }

  public var connectionCapacity: Int { max(1, world.faults.sockets / 2) }
  public var now: MonotonicTime { world.now }
  public func readClock() -> MonotonicTime { world.readClock() }
  public func readWorkClock() -> UInt64 { world.readWorkClock() }
  public var hasReceiveBuffers: Bool { buffers.freeCount > 0 }
  public var peerAddress: Endpoint? { world.peerAddress }
  public var localAddress: Endpoint? { world.localAddress }

  // MARK: Accepting

  public mutating func startAccepting(listener: UInt32, descriptors: [Int32]) {
    while world.listeners.count <= Int(listener) { world.listeners.append(.init()) }
    resumeAccepting(listener: listener)
  }

  public mutating func pauseAccepting(listener: UInt32) {
    world.listeners[Int(listener)].isArmed = false
  }

  public mutating func resumeAccepting(listener: UInt32) {
    guard !world.listeners[Int(listener)].isStopped else {
      return world.violate("accepting resumed on listener \(listener), which is closed")
    }
    world.listeners[Int(listener)].isArmed = true
    world.pokeListener(Int(listener))
  }

  public mutating func stopAccepting(listener: UInt32) {
    world.listeners[Int(listener)].isArmed = false
    world.listeners[Int(listener)].isStopped = true
    for socket in world.listeners[Int(listener)].backlog {
      if case .client(let client) = socket.peer { client.isExcused = true }
      world.abandon(socket, reset: true)
    }
    world.listeners[Int(listener)].backlog = []
  }

  // MARK: Bytes

  public mutating func receive(_ handle: SocketHandle, multishot: Bool, _ token: CompletionToken) {
    guard let socket = world.socket(handle, for: "receive") else { return }
    if !socket.isConnected { world.violate("receive on socket #\(socket.id), which isn't connected") }
    world.begin(.receive, token, on: socket)
    socket.receiving = .init(token: token, multishot: multishot, sequence: socket.nextSequence())
    world.poke(socket)
  }

  public mutating func send(
    _ handle: SocketHandle, _ queue: borrowing BufferQueue, isLast: Bool, _ token: CompletionToken
  ) -> Int {
    guard let socket = world.socket(handle, for: "send") else { return 0 }
    if !socket.isConnected && !socket.awaitsSend {
      world.violate("send on socket #\(socket.id), which isn't connected")
    }
    socket.awaitsSend = false
    world.begin(.send, token, on: socket)
    var parts: [BuffersInFlight.Part] = []
    var next = queue.head
    while !next.isNone, parts.count < Self.sendBatch {
      guard let part = world.held.hold(next, in: buffers) else {
        world.violate("buffer \(next.rawValue) given to two sends at once")
        break
      }
      parts.append(part)
      next = buffers.next(next)
    }
    let total = parts.reduce(0) { $0 + $1.bytes.count }
    if total == 0 { world.violate("send of nothing on socket #\(socket.id)") }
    socket.sending = .init(token: token, parts: parts, total: total, sequence: socket.nextSequence())
    world.poke(socket)
    return parts.count
  }

  public mutating func shutdown(_ handle: SocketHandle, _ token: CompletionToken) {
    guard let socket = world.socket(handle, for: "shutdown") else { return }
    world.begin(.shutdown, token, on: socket)
    world.schedule(.shutdown(socket, token))
  }

  public mutating func findLocalAddress(of handle: SocketHandle, _ token: CompletionToken) {
    guard let socket = world.socket(handle, for: "a look for its address") else { return }
    world.begin(.address, token, on: socket)
    world.schedule(.address(socket, token))
  }

  public mutating func cancel(
    _ target: CompletionToken, on handle: SocketHandle, _ token: CompletionToken
  ) {
    guard let socket = world.socket(handle, for: "cancel") else { return }
    world.begin(.cancel, token, on: socket)
    if socket.receiving?.token == target { socket.receiving?.isCancelled = true }
    let isLate = world.chance(world.faults.lateCancels)
    world.schedule(.cancel(socket, target: target, token), in: isLate ? 0...3000 : 0...0)
  }

  public mutating func close(_ handle: SocketHandle, reset: Bool, _ token: CompletionToken) {
    guard let socket = world.socket(handle, for: "close") else { return }
    for (_, verb) in socket.inFlight where verb != .cancel {
      if verb == .receive && socket.receiving?.isCancelled ?? true { continue }
      world.violate("socket #\(socket.id) closed with \(verb) in flight")
    }
    world.begin(.close, token, on: socket)
    socket.isClosing = true
    world.schedule(.close(socket, reset: reset, token))
  }

  /// Every completion ends a wait here; what is said is held against what is in flight.
  public func expectsNothing(of handle: SocketHandle) { world.expectsNothing(of: handle) }
  public func expectsSomething(of handle: SocketHandle) { world.expectsSomething(of: handle) }

  // MARK: Connecting and waiting

  public mutating func connect(
    to address: Endpoint, beside: SocketHandle, isFollowed: Bool, _ token: CompletionToken
  ) -> SocketHandle? {
    if !beside.isNone, world.socket(beside, for: "connect beside") == nil { return nil }
    let socket = world.makeSocket(.nobody)
    guard world.open(socket) else { return nil }
    world.begin(.connect, token, on: socket)
    world.startConnect(socket, to: address, isFollowed: isFollowed, token)
    return socket.handle
  }

  public mutating func acknowledgePromptly(on handle: SocketHandle) {
    guard let socket = world.socket(handle, for: "acknowledgements") else { return }
    if !socket.isConnected {
      world.violate("acknowledgements on socket #\(socket.id), which isn't connected")
    }
    socket.acknowledgesLate = false
  }

  public mutating func submitAndWait(until deadline: MonotonicTime?, for _: CompletionCoalescing.Batch?) {
    if world.hasReady { world.violate("waited with completions not looked at") }
    world.unexpected.removeAll(keepingCapacity: true)
    world.wait(until: deadline, &buffers)
  }

  /// Operations begin at once here.
  public mutating func submit() {}

  public var hasArrivals: Bool { world.events.nextTime.map { $0 <= world.now } ?? false }

  public mutating func nextCompletion() -> Completion? { world.takeReady() }
}
