internal import Basics
internal import Glibc
internal import Proxy

/// What the kernel does with the worker's operations when their time has come.
extension SimulatedWorld {
  /// Looks whether what happened to a socket lets an operation in flight go on.
  func poke(_ socket: SimulatedSocket) {
    if let receive = socket.receiving, !receive.isScheduled, socket.isReadable {
      socket.receiving?.isScheduled = true
      schedule(.receive(socket, sequence: receive.sequence))
    }
    if let send = socket.sending, !send.isScheduled, socket.isWritable {
      socket.sending?.isScheduled = true
      schedule(.send(socket, sequence: send.sequence))
    }
  }

  func wakePeer(_ socket: SimulatedSocket) {
    switch socket.peer {
    case .client(let client): client.wake(in: self)
    case .backend(let backend): backend.wake(in: self)
    case .nobody: break
    }
  }

  // MARK: Receiving

  func receiveSome(_ socket: SimulatedSocket, _ sequence: Int, _ pool: inout BufferPool) {
    guard let receive = socket.receiving, receive.sequence == sequence else { return }
    socket.receiving?.isScheduled = false
    guard !socket.toProxy.isEmpty else {
      return endReceive(socket, socket.takeReceiveEnd())
    }
    guard !chance(faults.droughts), let buffer = pool.take() else {
      exhaustions += pool.freeCount == 0 ? 1 : 0
      return endReceive(socket, -ENOBUFS)
    }
    if socket.acknowledgesLate { violate("socket #\(socket.id) receives, and acknowledges late") }
    if held.contains(buffer) { violate("buffer \(buffer.rawValue) was given back while a send had it") }
    var count = min(socket.toProxy.count, BufferPool.payload)
    if chance(faults.shortTransfers) { count = pick(1...count) }
    let bytes = socket.toProxy.take(count)
    bytes.withUnsafeBytes {
      (pool.base(buffer) + BufferPool.headRoom).copyMemory(from: $0.baseAddress!, byteCount: count)
    }
    pool.setPayload(buffer, start: BufferPool.headRoom, count: count)
    let more = receive.multishot && !chance(faults.receivesEnd)
    if !more { socket.receiving = nil }
    complete(
      receive.token, Int32(count), on: socket, buffer: buffer, more: more,
      isFollowed: more && !socket.toProxy.isEmpty)
    if !more { closeIfDue(socket) }
    wakePeer(socket)
    poke(socket)
  }

  private func endReceive(_ socket: SimulatedSocket, _ result: Int32) {
    guard let receive = socket.receiving else { return }
    socket.receiving = nil
    complete(receive.token, result, on: socket)
    closeIfDue(socket)
  }

  // MARK: Sending

  func sendSome(_ socket: SimulatedSocket, _ sequence: Int, _ pool: borrowing BufferPool) {
    guard let send = socket.sending, send.sequence == sequence else { return }
    socket.sending?.isScheduled = false
    if socket.wasReset || socket.proxyFinished {
      let error = socket.takeSendError()
      // The receive's end may be seen before the send's error, and looks like a clean FIN then.
      if socket.wasReset && socket.toProxy.isEmpty && chance(0.5) { endReceive(socket, 0) }
      return endSend(socket, send.sent > 0 ? Int32(send.sent) : error, pool)
    }
    if socket.peerClosed {
      // The kernel takes it all; the peer's answer to it is a reset.
      socket.sending?.sent = send.total
      endSend(socket, Int32(send.total), pool)
      socket.receiveReset()
      return poke(socket)
    }
    var count = min(socket.capacity - socket.toPeer.count, send.total - send.sent)
    guard count > 0 else { return }
    if chance(faults.shortTransfers) { count = pick(1...count) }
    move(count, of: send, to: socket, pool)
    socket.sending?.sent += count
    wakePeer(socket)
    if send.sent + count == send.total { endSend(socket, Int32(send.total), pool) } else { poke(socket) }
  }

  /// Copies from where the buffers are now, so that whoever touched them meanwhile is seen by the peer too.
  private func move(
    _ count: Int, of send: SimulatedSocket.Send, to socket: SimulatedSocket, _ pool: borrowing BufferPool
  ) {
    var skip = send.sent
    var left = count
    for part in send.parts where left > 0 {
      let length = part.bytes.count
      if skip >= length {
        skip -= length
        continue
      }
      let taken = min(left, length - skip)
      let memory = UnsafeRawBufferPointer(start: pool.base(part.buffer) + part.start + skip, count: taken)
      socket.toPeer.append(memory: memory)
      left -= taken
      skip = 0
    }
  }

  func endSend(_ socket: SimulatedSocket, _ result: Int32, _ pool: borrowing BufferPool) {
    guard let token = socket.sending?.token else { return }
    dropSend(socket, pool)
    complete(token, result, on: socket)
  }

  /// Gives the buffers of the send in flight back to the worker.
  func dropSend(_ socket: SimulatedSocket, _ pool: borrowing BufferPool) {
    guard let send = socket.sending else { return }
    socket.sending = nil
    if !held.release(send.parts, in: pool) {
      violate("a buffer of a send in flight on socket #\(socket.id) was touched")
    }
  }

  func finishProxySide(_ socket: SimulatedSocket, _ token: CompletionToken) {
    guard socket.isConnected, !socket.wasReset else { return complete(token, -ENOTCONN, on: socket) }
    socket.proxyFinished = true
    complete(token, 0, on: socket)
    wakePeer(socket)
    poke(socket)
  }

  // MARK: Cancelling and closing

  func cancel(
    _ socket: SimulatedSocket, _ target: CompletionToken, _ token: CompletionToken,
    _ pool: borrowing BufferPool
  ) {
    let isFirst = chance(0.5)
    // A send that is to follow a connect hasn't begun, and is not to be found.
    let isSending = socket.connecting == nil && socket.sending?.token == target
    let isConnecting = socket.connecting == target && now >= socket.connectBegins
    if socket.connecting == target && !isConnecting { socket.cancelMissedConnect = true }
    let isFound = socket.receiving?.token == target || isSending || isConnecting
    if isFirst { complete(token, isFound ? 0 : -ENOENT, on: socket) }
    if socket.receiving?.token == target { endReceive(socket, -ECANCELED) }
    if isSending, let send = socket.sending {
      endSend(socket, send.sent > 0 ? Int32(send.sent) : -ECANCELED, pool)
    }
    if isConnecting { endConnect(socket, target, -ECANCELED, pool) }
    if !isFirst { complete(token, isFound ? 0 : -ENOENT, on: socket) }
  }

  func startClose(_ socket: SimulatedSocket, _ reset: Bool, _ token: CompletionToken) {
    socket.closesWithReset = reset
    complete(token, 0, on: socket)
    closeIfDue(socket)
  }

  /// An armed receive keeps a closed socket alive until it has been cancelled.
  private func closeIfDue(_ socket: SimulatedSocket) {
    guard let reset = socket.closesWithReset, socket.receiving == nil, !socket.proxyClosed else { return }
    record("closed", socket.id, reset ? 1 : 0)
    handles[Int(socket.handle.rawValue)] = nil
    freeHandles.append(socket.handle.rawValue)
    abandon(socket, reset: reset)
  }

  /// The proxy's end is gone. What it hadn't read turns the FIN into a reset, which may overtake bytes.
  func abandon(_ socket: SimulatedSocket, reset: Bool) {
    if reset || !socket.toProxy.isEmpty {
      socket.peerSeesReset = true
      socket.toPeer.truncate(to: pick(0...socket.toPeer.count))
    }
    socket.proxyFinished = true
    socket.proxyClosed = true
    wakePeer(socket)
  }
}
