import Basics
import Glibc
import Testing
import Uring

@testable import Proxy

/// An engine, what it has completed, and a listener: what the engine's tests hold in their hands.
final class UringEngineDriver {
  var engine: UringEngine
  var endpoint: Endpoint
  private var seen: [Completion] = []
  /// Whose sockets the accepts' completions brought, in their order.
  private(set) var peers: [Endpoint?] = []

  /// An engine whose listener 0 listens at `endpoint`, and accepts.
  init(
    rings: Int = 1, accepted: Int = 64, outgoing: Int = 64, buffers: Int = 256,
    completions: Int = 4096, submissions: Int = 512, wake: Int32 = -1,
    at endpoint: Endpoint = Endpoint("127.0.0.1:0")!
  ) throws {
    var layout = UringEngine.Layout(
      connections: outgoing, ringCount: rings, acceptedSlots: accepted, outgoingSlots: outgoing)
    layout.size.completions = completions
    layout.size.submissions = submissions
    engine = try UringEngine(layout: layout, bufferCount: buffers, wakeDescriptor: wake)
    var descriptors = [try Socket.listen(on: endpoint, backlog: 4096)]
    self.endpoint = try #require(Socket.boundEndpoint(of: descriptors[0]))
    while descriptors.count < rings {
      descriptors.append(try Socket.listen(on: self.endpoint, backlog: 4096))
    }
    engine.startAccepting(listener: 0, descriptors: descriptors)
    poll()
  }

  static func token(_ operation: Proxy.Operation, _ index: UInt32 = 0, generation: UInt32 = 7)
    -> CompletionToken
  {
    CompletionToken(operation: operation.rawValue, slot: SlotID(index: index, generation: generation))
  }

  /// One turn that doesn't wait.
  func poll() {
    engine.submitAndWait(until: .zero)
    collect()
  }

  /// One turn that waits until something comes; how many clients it has accepted.
  func countAccepted() -> Int {
    let before = peers.count
    engine.submitAndWait(until: engine.now + .seconds(5))
    collect()
    return peers.count - before
  }

  private func collect() {
    while let completion = engine.nextCompletion() {
      seen.append(completion)
      if completion.token.operation == Operation.accept.rawValue { peers.append(engine.peerAddress) }
      if completion.token.operation == Operation.accept.rawValue, !completion.more {
        engine.resumeAccepting(listener: 0)
      }
    }
  }

  /// The next completion of the operation (of the slot's); nil when none comes within seconds.
  func next(
    _ operation: Proxy.Operation, _ index: UInt32? = nil, within limit: Duration = .seconds(5)
  ) -> Completion? {
    let deadline = engine.now + limit
    while true {
      let place = seen.firstIndex {
        $0.token.operation == operation.rawValue && (index == nil || $0.token.slot.index == index)
      }
      if let place { return seen.remove(at: place) }
      guard engine.now < deadline else { return nil }
      engine.submitAndWait(until: deadline)
      collect()
    }
  }

  /// Turns until nothing comes any more.
  func settle() {
    var count = -1
    while count != seen.count {
      count = seen.count
      for _ in 0..<3 { poll() }
    }
  }

  /// Waits until so many completions of the operation have come, and takes them.
  func take(_ count: Int, _ operation: Proxy.Operation) -> [Completion] {
    let deadline = engine.now + .seconds(8)
    while seenCount(operation) < count, engine.now < deadline {
      engine.submitAndWait(until: deadline)
      collect()
    }
    defer { seen.removeAll { $0.token.operation == operation.rawValue } }
    return seen.filter { $0.token.operation == operation.rawValue }
  }

  func seenCount(_ operation: Proxy.Operation) -> Int {
    seen.count { $0.token.operation == operation.rawValue }
  }

  func connect(
    to endpoint: Endpoint, beside socket: SocketHandle = .none, isFollowed: Bool = false, _ index: UInt32 = 0
  ) -> SocketHandle? {
    engine.connect(
      to: endpoint, beside: socket, isFollowed: isFollowed, Self.token(.backendConnect, index))
  }

  /// A connect to the engine's own listener.
  func connect(_ index: UInt32 = 0) -> SocketHandle? { connect(to: endpoint, index) }

  /// How many buffers the send took.
  @discardableResult func send(
    _ socket: SocketHandle, _ queue: BufferQueue, isLast: Bool = false, _ operation: Proxy.Operation
  ) -> Int {
    engine.send(socket, queue, isLast: isLast, Self.token(operation))
  }

  var hasReceiveBuffers: Bool { engine.hasReceiveBuffers }
  var acceptPauses: UInt64 { engine.acceptPauses }
  var acceptOverruns: UInt64 { engine.acceptOverruns }
  func acceptedCount(_ ring: Int = 0) -> Int { engine.members[ring].table.acceptedCount }
  func outgoingCount(_ ring: Int = 0) -> Int { engine.members[ring].table.outgoingCount }
  var providedCount: Int { engine.members[0].provided.count }
  var lostCount: UInt64 { engine.members[0].ring.lostCount }
  func isOpen(_ socket: SocketHandle) -> Bool { engine.members[socket.ring].table.isOpen(socket.slot) }
  var now: MonotonicTime { engine.now }
  func nextRaw() -> Completion? { engine.nextCompletion() }

  /// A queue of buffers that hold the bytes.
  func queue(_ bytes: [UInt8]) throws -> BufferQueue {
    var queue = BufferQueue()
    var rest = bytes[...]
    while !rest.isEmpty {
      let taken = engine.buffers.take()
      let id = try #require(taken)
      let count = min(rest.count, BufferPool.payload)
      engine.buffers.setPayload(id, start: BufferPool.headRoom, count: count)
      engine.buffers.bytes(id).copyBytes(from: rest.prefix(count))
      queue.append(id, in: &engine.buffers)
      rest = rest.dropFirst(count)
    }
    return queue
  }

  /// The bytes of a receive's buffer, which goes back to the pool.
  func takeBytes(_ completion: Completion) -> [UInt8] {
    guard !completion.buffer.isNone else { return [] }
    defer { engine.buffers.give(completion.buffer) }
    return Array(engine.buffers.bytes(completion.buffer))
  }

  /// A client of the listener, and the socket that the engine has accepted from it.
  func accept() throws -> (client: OrdinaryClient, socket: SocketHandle) {
    let client = try OrdinaryClient(to: endpoint)
    let completion = try #require(next(.accept))
    #expect(completion.result == 0)
    return (client, completion.socket)
  }

  func close(_ socket: SocketHandle, reset: Bool = false) throws {
    engine.close(socket, reset: reset, Self.token(.clientClose, socket.rawValue))
    let closed = try #require(next(.clientClose, socket.rawValue))
    #expect(closed.result == 0)
  }
}

struct SocketFailure: Error { var errno: Int32 }

/// A blocking socket that knows nothing of rings; what it waits for comes within seconds or not at all.
final class OrdinaryClient {
  let descriptor: Int32
  private var isOpen = true

  init(to endpoint: Endpoint) throws {
    let address = SocketAddress(endpoint)
    descriptor = socket(Int32(address.family), Int32(SOCK_STREAM.rawValue), 0)
    let result = withUnsafePointer(to: address.storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, address.length) }
    }
    guard result == 0 else { throw SocketFailure(errno: errno) }
    // Only now: a call with a limit isn't restarted when a ring's work interrupts it.
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  deinit { close() }

  var endpoint: Endpoint? { Socket.boundEndpoint(of: descriptor) }

  func write(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if sent < 0, errno == EINTR { continue }
      guard sent >= 0 else {
        Issue.record("send: \(String(cString: strerror(errno)))")
        return
      }
      rest = rest.dropFirst(sent)
    }
  }

  /// Up to `count` bytes; nil on an error, empty at the end.
  func readSome(_ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var result = Glibc.read(descriptor, &bytes, count)
    while result < 0, errno == EINTR { result = Glibc.read(descriptor, &bytes, count) }
    return result < 0 ? nil : Array(bytes.prefix(result))
  }

  func read(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count, let more = readSome(count - bytes.count), !more.isEmpty { bytes += more }
    return bytes
  }

  func close(reset: Bool = false) {
    guard isOpen else { return }
    isOpen = false
    if reset {
      // A `linger` that is on, of no time.
      var abort: (Int32, Int32) = (1, 0)
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abort, 8)
    }
    Glibc.close(descriptor)
  }
}

/// Bytes that differ by place, so that what arrives in another order is seen.
func patternBytes(_ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}
