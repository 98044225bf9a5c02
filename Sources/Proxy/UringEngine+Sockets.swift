public import Basics
internal import Uring

extension SocketHandle {
  init(ring: Int, slot: UInt32) { self.init(rawValue: UInt32(ring) << 24 | slot) }
  /// The ring that has the socket, and its slot there.
  var ring: Int { Int(rawValue >> 24) }
  var slot: UInt32 { rawValue & 0xff_ffff }
}

/// The verbs on sockets.
extension UringEngine {
  public mutating func receive(_ socket: SocketHandle, multishot: Bool, _ token: CompletionToken) {
    members[socket.ring].ring.receive(
      checked(socket), group: 0, multishotLimit: multishot ? multishotLimit : 0, userData: token.rawValue)
  }

  public mutating func send(
    _ socket: SocketHandle, _ queue: borrowing BufferQueue, isLast: Bool, _ token: CompletionToken
  ) -> Int {
    let slot = checked(socket)
    let first = queue.head
    assert(!first.isNone, "a send of nothing")
    guard !buffers.next(first).isNone else {
      members[socket.ring].ring.send(
        slot, UnsafeRawBufferPointer(buffers.bytes(first)), isLast: isLast, userData: token.rawValue)
      return 1
    }
    var next = first
    return members[socket.ring].ring.sendGathered(slot, isLast: isLast, userData: token.rawValue) {
      guard !next.isNone else { return nil }
      defer { next = buffers.next(next) }
      return UnsafeRawBufferPointer(buffers.bytes(next))
    }
  }

  /// The kernel's own operation always takes a kernel thread. An ordinary descriptor for a moment is cheaper:
  /// it is shut down when its number arrives.
  public mutating func shutdown(_ socket: SocketHandle, _ token: CompletionToken) {
    let slot = checked(socket)
    members[socket.ring].table[note: slot] = token.rawValue
    members[socket.ring].ring.install(slot, userData: Internal.shutdown.token(socket))
  }

  /// Only an ordinary descriptor can be asked.
  public mutating func findLocalAddress(of socket: SocketHandle, _ token: CompletionToken) {
    members[socket.ring].ring.install(checked(socket), userData: token.rawValue)
  }

  public mutating func cancel(_ target: CompletionToken, on socket: SocketHandle, _ token: CompletionToken) {
    members[socket.ring].ring.cancel(target.rawValue, userData: token.rawValue)
  }

  public mutating func close(_ socket: SocketHandle, reset: Bool, _ token: CompletionToken) {
    let slot = checked(socket)
    members[socket.ring].table.beginClosing(slot)
    members[socket.ring].table[note: slot] = token.rawValue
    let userData = Internal.close.token(socket)
    if reset {
      members[socket.ring].ring.closeWithReset(
        slot, userData: userData, ignored: Internal.ignored.token(socket))
    } else {
      members[socket.ring].ring.close(slot, userData: userData)
    }
  }

  public mutating func expectsNothing(of socket: SocketHandle) { members[socket.ring].quiet += 1 }

  public mutating func expectsSomething(of socket: SocketHandle) { members[socket.ring].quiet -= 1 }

  public mutating func connect(
    to address: Endpoint, beside: SocketHandle, isFollowed: Bool, _ token: CompletionToken
  ) -> SocketHandle? {
    guard let (ring, slot) = takeOutgoing(beside) else { return nil }
    members[ring].ring.connect(
      slot, to: SocketAddress(address), isFollowed: isFollowed, userData: token.rawValue)
    return SocketHandle(ring: ring, slot: slot)
  }

  public mutating func acknowledgePromptly(on socket: SocketHandle) {
    members[socket.ring].ring.acknowledgePromptly(
      checked(socket), userData: Internal.ignored.token(socket))
  }

  /// A slot on the ring of the other socket; without one, on the next ring that has one.
  private mutating func takeOutgoing(_ beside: SocketHandle) -> (ring: Int, slot: UInt32)? {
    guard beside.isNone else { return members[beside.ring].table.takeOutgoing().map { (beside.ring, $0) } }
    for _ in 0..<ringCount {
      nextRing = (nextRing + 1) % ringCount
      if let slot = members[nextRing].table.takeOutgoing() { return (nextRing, slot) }
    }
    return nil
  }

  /// The slot of a socket that is open.
  private func checked(_ socket: SocketHandle) -> UInt32 {
    assert(socket.ring < ringCount && members[socket.ring].table.isOpen(socket.slot), "no such socket")
    return socket.slot
  }
}
