internal import Basics
internal import Settings
internal import TLS
internal import Telemetry
internal import Wire

/// Phase 6: two half-streams. Each: receive, open the record, observe the frames, seal the record, send.
extension Worker where Engine: ~Copyable {
  mutating func startRelaying(_ c: ConnectionPointer) {
    enter(c, .relaying, for: topology.settings.deadlines.idle)
    updateReceiving(c, .backend)
    pumpFromClient(c)
    if c.pointee.phase == .relaying { pumpFromBackend(c) }
  }

  /// True exactly when a side may be given more to send.
  private func hasRoom(_ c: ConnectionPointer, _ side: Side) -> Bool {
    Int(c.leg(side).pointee.toSend.byteCount) < topology.settings.relay.highWater.bytes
  }

  // MARK: From the client to the backend

  mutating func pumpFromClient(_ c: ConnectionPointer) {
    var buffer = BufferID.none
    while hasRoom(c, .backend), case .bytes = nextPlain(c, &buffer) {
      guard forwardToBackend(c, buffer) else { return }
    }
    guard c.pointee.phase != .closing else { return }
    flush(c, .backend)
    passOnFinish(ofClient: c)
  }

  /// False when the connection has been closed.
  private mutating func forwardToBackend(_ c: ConnectionPointer, _ buffer: BufferID) -> Bool {
    switch c.pointee.exchange {
    case .webSocket: observeClient(c, buffer)
    case .request:
      let progress = c.pointee.requestBody.consume(bytes(buffer).span)
      guard progress.state != .malformed else {
        engine.buffers.give(buffer)
        close(c, by: .client, .malformed, .reset)
        return false
      }
      // One request a connection: what follows its body isn't forwarded.
      engine.buffers.setPayload(buffer, start: engine.buffers.start(buffer), count: progress.count)
    case .unknown, .stream: break
    }
    let count = engine.buffers.count(buffer)
    countFromClient(c, count)
    if count > 0 { enqueue(buffer, to: .backend, of: c) } else { engine.buffers.give(buffer) }
    return true
  }

  private mutating func observeClient(_ c: ConnectionPointer, _ buffer: BufferID) {
    let facts = c.pointee.fromClient.observe(bytes(buffer).span)
    if facts.closeCode != 0 { c.pointee.closeCodeFromClient = facts.closeCode }
    guard facts.messages > 0 else { return }
    c.pointee.messagesFromClient += UInt64(facts.messages)
    c.pointee.chosen?.counters[shared.index].add(.messagesToBackend, UInt64(facts.messages))
  }

  func countFromClient(_ c: ConnectionPointer, _ count: Int) {
    c.pointee.bytesFromClient += UInt64(count)
    counters.add(.bytesFromClients, UInt64(count))
    c.pointee.listenerCounters.add(.bytesFromClients, UInt64(count))
    guard c.pointee.isAnswerAwaited else { return }
    c.pointee.chosen?.counters[shared.index].add(.bytesToBackend, UInt64(count))
  }

  /// When all that the client sent is queued for the backend, its FIN follows.
  private mutating func passOnFinish(ofClient c: ConnectionPointer) {
    guard c.pointee.client.peerFinished, c.pointee.client.received.isEmpty, c.pointee.plain.isEmpty,
      !c.pointee.mayHoldPlain
    else { return }
    // Without close_notify a stream may have been cut off on its way. A client that has been told goodbye, or
    // has said it in a close frame, may leave as it likes.
    if c.pointee.isTLS && !c.pointee.hasCloseNotify && c.pointee.firstFinisher == nil {
      c.pointee.isTruncated = !c.pointee.fromClient.sawClose
    }
    if c.pointee.exchange == .request {
      // HTTP servers take a FIN for a client that has gone; one that waits for its answer is still there.
      guard c.pointee.requestBody.consume(Span()).state != .done else { return }
      return close(c, by: .client, .truncated, .reset)
    }
    guard c.pointee.phase == .relaying else { return }
    finishSending(c, .backend)
    endIfFinished(c)
  }

  // MARK: From the backend to the client

  mutating func pumpFromBackend(_ c: ConnectionPointer) {
    // Behind its close frame there is nothing to be said, and behind our goodbye no record.
    if c.pointee.client.finishRequested { c.pointee.backend.received.removeAll(in: &engine.buffers) }
    while hasRoom(c, .client), !c.pointee.backend.received.isEmpty {
      guard forwardToClient(c) else { break }
    }
    guard c.pointee.phase != .closing else { return }
    passOnFinish(ofBackend: c)
    if c.pointee.phase == .relaying { flush(c, .client) }
  }

  /// Forwards the first buffer that the backend sent. False when it had to stay.
  private mutating func forwardToClient(_ c: ConnectionPointer) -> Bool {
    var target = BufferID.none
    // Our own record layer seals where the bytes are, OpenSSL elsewhere.
    if c.pointee.session != nil {
      guard let buffer = engine.buffers.take() else {
        starve(c)
        return false
      }
      target = buffer
    }
    guard let source = c.pointee.backend.received.removeFirst(in: engine.buffers) else { return false }
    guard observeBackend(c, source) else {
      engine.buffers.give(source)
      if !target.isNone { engine.buffers.give(target) }
      close(c, by: .backend, .malformed, .reset)
      return false
    }
    countToClient(c, engine.buffers.count(source))
    if c.pointee.records != nil {
      sealInPlace(c, source)
    } else if target.isNone {
      enqueueForClient(c, source)
    } else {
      seal(c, UnsafeRawBufferPointer(engine.buffers.bytes(source)), into: target)
      engine.buffers.give(source)
    }
    return c.pointee.phase != .closing
  }

  private mutating func enqueueForClient(_ c: ConnectionPointer, _ buffer: BufferID) {
    if engine.buffers.count(buffer) > 0 {
      enqueue(buffer, to: .client, of: c)
    } else {
      engine.buffers.give(buffer)
    }
  }

  /// False when the bytes break the response's framing.
  private mutating func observeBackend(_ c: ConnectionPointer, _ buffer: BufferID) -> Bool {
    switch c.pointee.exchange {
    case .unknown, .stream: break
    case .request:
      let progress = c.pointee.responseBody.consume(bytes(buffer).span)
      engine.buffers.setPayload(buffer, start: engine.buffers.start(buffer), count: progress.count)
      if progress.state == .done { c.pointee.isResponseComplete = true }
      return progress.state != .malformed
    case .webSocket:
      let facts = c.pointee.fromBackend.observe(bytes(buffer).span)
      if facts.closeCode != 0 { c.pointee.closeCodeFromBackend = facts.closeCode }
      guard facts.messages > 0 else { break }
      c.pointee.messagesToClient += UInt64(facts.messages)
      c.pointee.chosen?.counters[shared.index].add(.messagesFromBackend, UInt64(facts.messages))
    }
    return true
  }

  private func countToClient(_ c: ConnectionPointer, _ count: Int) {
    c.pointee.bytesToClient += UInt64(count)
    counters.add(.bytesToClients, UInt64(count))
    c.pointee.listenerCounters.add(.bytesToClients, UInt64(count))
    c.pointee.chosen?.counters[shared.index].add(.bytesFromBackend, UInt64(count))
  }

  /// Seals a buffer's plain bytes where they are, and queues it for the client.
  private mutating func sealInPlace(_ c: ConnectionPointer, _ buffer: BufferID) {
    let plain = engine.buffers.bytes(buffer)
    guard !plain.isEmpty else { return engine.buffers.give(buffer) }
    let sealed = c.pointee.records!.seal(plain.baseAddress!, count: plain.count, library: shared.library!)
    guard let sealed else {
      engine.buffers.give(buffer)
      return close(c, by: .proxy, .malformed, .now)
    }
    let start = sealed.baseAddress! - engine.buffers.base(buffer)
    engine.buffers.setPayload(buffer, start: start, count: sealed.count)
    enqueue(buffer, to: .client, of: c)
  }

  /// Seals at most a record's worth of plain bytes into a buffer by OpenSSL, and queues it for the client.
  private mutating func seal(_ c: ConnectionPointer, _ plain: UnsafeRawBufferPointer, into target: BufferID) {
    guard !plain.isEmpty else { return engine.buffers.give(target) }
    let room = UnsafeMutableRawBufferPointer(start: engine.buffers.base(target), count: BufferPool.stride)
    let outcome = c.pointee.session!.write(plain, output: room)
    produced(c, target, outcome.produced)
    // The room holds any record, so all has been sealed unless OpenSSL gave up.
    if outcome.written < plain.count { close(c, by: .proxy, .malformed, .now) }
  }

  /// Queues bytes of our own making for the client, sealed where it is due. False when buffers ran out.
  mutating func sealForClient(_ c: ConnectionPointer, _ text: UnsafeRawBufferPointer) -> Bool {
    countToClient(c, text.count)
    guard c.pointee.isSealed else { return append(text, to: .client, of: c) }
    var rest = text
    while !rest.isEmpty {
      guard let target = engine.buffers.take() else { return false }
      let part = UnsafeRawBufferPointer(rebasing: rest.prefix(BufferPool.payload))
      if c.pointee.records != nil {
        (engine.buffers.base(target) + BufferPool.headRoom).copyMemory(
          from: part.baseAddress!, byteCount: part.count)
        engine.buffers.setPayload(target, start: BufferPool.headRoom, count: part.count)
        sealInPlace(c, target)
      } else {
        seal(c, part, into: target)
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
    }
    return true
  }

  private mutating func passOnFinish(ofBackend c: ConnectionPointer) {
    guard c.pointee.phase == .relaying else { return }
    if c.pointee.exchange == .request && c.pointee.isResponseComplete {
      return close(c, by: .backend, .finished, .orderly)
    }
    guard c.pointee.backend.received.isEmpty, c.pointee.backend.peerFinished || hasSaidClose(c) else {
      return
    }
    if c.pointee.exchange == .request {
      let isWhole = c.pointee.responseBody.endsWithConnection
      // What has come of a response that broke off goes first.
      if !isWhole { flush(c, .client) }
      return close(c, by: .backend, isWhole ? .finished : .truncated, isWhole ? .orderly : .reset)
    }
    finishSending(c, .client)
    endIfFinished(c)
  }

  // MARK: The end

  /// True exactly when both sides have sent a close frame: nothing may follow the backend's (RFC 6455 section
  /// 5.5.1), whose FIN is due. So the client gets the frame, TLS's goodbye and the FIN in one piece.
  private func hasSaidClose(_ c: ConnectionPointer) -> Bool {
    c.pointee.exchange == .webSocket && c.pointee.fromBackend.sawClose && c.pointee.fromClient.sawClose
  }

  /// Lets a side know, behind what is still to be sent, that nothing follows.
  mutating func finishSending(_ c: ConnectionPointer, _ side: Side) {
    guard !c.leg(side).pointee.finishRequested else { return }
    c.leg(side).pointee.finishRequested = true
    if c.pointee.firstFinisher == nil { c.pointee.firstFinisher = side.other }
    if side == .client { sayGoodbye(c) }
    if c.pointee.exchange == .webSocket && c.pointee.phase == .relaying {
      // A WebSocket isn't half open for long: the other side's FIN is due.
      timers.set(c.pointee.id.index, at: now + topology.settings.deadlines.closing)
    }
    flush(c, side)
  }

  /// Queues TLS's close_notify.
  private mutating func sayGoodbye(_ c: ConnectionPointer) {
    guard c.pointee.isSealed, let buffer = engine.buffers.take() else { return }
    let room = UnsafeMutableRawBufferPointer(start: engine.buffers.base(buffer), count: BufferPool.stride)
    let count =
      c.pointee.records != nil
      ? c.pointee.records!.closeNotify(output: room, library: shared.library!)
      : c.pointee.session!.closeNotify(output: room)
    guard count > 0 else { return engine.buffers.give(buffer) }
    engine.buffers.setPayload(buffer, start: 0, count: count)
    enqueue(buffer, to: .client, of: c)
  }

  mutating func endIfFinished(_ c: ConnectionPointer) {
    guard c.pointee.phase == .relaying, hasParted(c, .client), hasParted(c, .backend) else { return }
    close(
      c, by: (c.pointee.firstFinisher ?? .client).endedBy, c.pointee.isTruncated ? .truncated : .finished,
      .now)
  }

  /// True exactly when a side has said goodbye and has been told it.
  private func hasParted(_ c: ConnectionPointer, _ side: Side) -> Bool {
    c.leg(side).pointee.peerFinished && c.leg(side).pointee.isShutDown
      && !c.leg(side).pointee.shutdownInFlight
  }
}
