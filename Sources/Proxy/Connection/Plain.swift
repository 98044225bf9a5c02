internal import Basics
internal import Settings
internal import TLS

/// The client's bytes in the clear: as received on a plain listener, opened on a TLS one.
extension Worker where Engine: ~Copyable {
  enum Opening {
    /// Plain bytes have been handed out.
    case bytes
    /// Nothing to be had until more is received.
    case nothing
    /// No buffer: the connection has been put among the starved.
    case starved
    /// The connection has been closed: broken records.
    case failed
  }

  /// The client's next plain bytes, in a buffer that becomes the caller's. Copied as little as possible: not at
  /// all in the clear, and only where a buffer ends within a record with our own record layer.
  mutating func nextPlain(_ c: ConnectionPointer, _ buffer: inout BufferID) -> Opening {
    if let first = c.pointee.plain.removeFirst(in: engine.buffers) {
      buffer = first
      return .bytes
    }
    if c.pointee.hasCloseNotify {
      c.pointee.client.received.removeAll(in: &engine.buffers)
      return .nothing
    }
    if c.pointee.records != nil { return openInPlace(c, &buffer) }
    if c.pointee.session != nil { return openByOpenSSL(c, &buffer) }
    guard let first = c.pointee.client.received.removeFirst(in: engine.buffers) else { return .nothing }
    buffer = first
    return .bytes
  }

  // MARK: Our own record layer

  private mutating func openInPlace(_ c: ConnectionPointer, _ buffer: inout BufferID) -> Opening {
    if !c.pointee.stash.isEmpty {
      guard !c.pointee.client.received.isEmpty else {
        dropCutRecord(c)
        return .nothing
      }
      guard unstash(c) else {
        starve(c)
        return .starved
      }
    }
    // Opened bytes can't be opened again, so where they go is known before.
    guard let spare = engine.buffers.take() else {
      starve(c)
      return .starved
    }
    var isSpareUsed = false
    defer { if !isSpareUsed { engine.buffers.give(spare) } }
    while !c.pointee.client.received.isEmpty {
      let first = c.pointee.client.received.head
      let progress = c.pointee.records!.open(engine.buffers.bytes(first), library: shared.library!)
      switch progress.status {
      case .wantsInput(let missing) where progress.data.isEmpty && progress.consumed == 0:
        guard gather(c, missing) else {
          dropCutRecord(c)
          stashCutRecord(c)
          return .nothing
        }
        continue
      case .wantsInput: break
      case .closed: c.pointee.hasCloseNotify = true
      case .failed(let failure):
        if progress.data.isEmpty { return recordsBroken(c, failure) }
      }
      let hasData = !progress.data.isEmpty
      if hasData {
        buffer = handOut(c, progress, spare)
        isSpareUsed = buffer == spare || c.pointee.client.received.head == spare
      } else {
        consumed(c, progress.consumed)
        refuseRenegotiation(c)
      }
      if c.pointee.hasCloseNotify { saidGoodbye(c) }
      if hasData { return .bytes }
    }
    return .nothing
  }

  /// Takes the opened data off the first received buffer. What follows it there, a record's beginning, stays
  /// received: the shorter of the two moves to the spare buffer.
  /// - Returns: the buffer with the data.
  private mutating func handOut(
    _ c: ConnectionPointer, _ progress: OpenProgress, _ spare: BufferID
  ) -> BufferID {
    let first = c.pointee.client.received.head
    let start = engine.buffers.start(first)
    let rest = engine.buffers.count(first) - progress.consumed
    guard rest <= progress.data.count else {
      move(progress.data.count, at: start + progress.data.lowerBound, of: first, to: spare)
      c.pointee.client.received.consumeFirst(progress.consumed, in: &engine.buffers)
      return spare
    }
    _ = c.pointee.client.received.removeFirst(in: engine.buffers)
    if rest > 0 {
      move(rest, at: start + progress.consumed, of: first, to: spare)
      c.pointee.client.received.prepend(spare, in: &engine.buffers)
    }
    engine.buffers.setPayload(first, start: start + progress.data.lowerBound, count: progress.data.count)
    return first
  }

  /// Copies bytes of a buffer so that they are another's payload.
  private mutating func move(_ count: Int, at offset: Int, of source: BufferID, to target: BufferID) {
    (engine.buffers.base(target) + BufferPool.headRoom).copyMemory(
      from: engine.buffers.base(source) + offset, byteCount: count)
    engine.buffers.setPayload(target, start: BufferPool.headRoom, count: count)
  }

  /// Completes the record that begins in the first received buffer from the ones behind it. False when they
  /// don't have enough.
  private mutating func gather(_ c: ConnectionPointer, _ missing: Int) -> Bool {
    guard let first = c.pointee.client.received.removeFirst(in: engine.buffers) else { return false }
    defer { c.pointee.client.received.prepend(first, in: &engine.buffers) }
    var left = missing
    while left > 0 {
      let next = c.pointee.client.received.head
      guard !next.isNone else { return false }
      let count = min(left, engine.buffers.count(next))
      makeRoom(behind: first, for: count)
      engine.buffers.append(count, of: next, to: first)
      consumed(c, count)
      left -= count
    }
    return true
  }

  /// A record that the client's FIN cut off never gets whole; the phase must not wait for it.
  private mutating func dropCutRecord(_ c: ConnectionPointer) {
    guard c.pointee.client.peerFinished else { return }
    c.pointee.client.received.removeAll(in: &engine.buffers)
    c.pointee.stash.drop()
  }

  /// A whole record fits a buffer with its rooms.
  private mutating func makeRoom(behind buffer: BufferID, for count: Int) {
    let (start, filled) = (engine.buffers.start(buffer), engine.buffers.count(buffer))
    guard start + filled + count > BufferPool.stride else { return }
    let base = engine.buffers.base(buffer)
    base.copyMemory(from: base + start, byteCount: filled)
    engine.buffers.setPayload(buffer, start: 0, count: filled)
  }

  /// A client that has asked for another handshake may wait for an answer before it says more. While something else is
  /// on its way to it, the answer waits: who asks again and again and reads nothing must not fill buffers with answers.
  mutating func refuseRenegotiation(_ c: ConnectionPointer) {
    guard c.pointee.owesRefusal, c.pointee.client.toSend.isEmpty, let buffer = engine.buffers.take() else {
      return
    }
    let room = UnsafeMutableRawBufferPointer(start: engine.buffers.base(buffer), count: BufferPool.stride)
    let count = c.pointee.records!.refuseRenegotiation(output: room, library: shared.library!)
    produced(c, buffer, count)
    flush(c, .client)
  }

  private mutating func recordsBroken(_ c: ConnectionPointer, _ failure: TLSFailure) -> Opening {
    if isBackendOwed(c) { return .nothing }
    if let buffer = engine.buffers.take() {
      let room = UnsafeMutableRawBufferPointer(start: engine.buffers.base(buffer), count: BufferPool.stride)
      let count = c.pointee.records!.alert(for: failure, output: room, library: shared.library!)
      produced(c, buffer, count)
    }
    close(c, by: .client, .malformed, .orderly)
    return .failed
  }

  /// True exactly when the backend hasn't been sent yet what the client sent before its records broke. It goes
  /// first: closing drops it. When it has gone, the pump asks again, and gets the same failure.
  private mutating func isBackendOwed(_ c: ConnectionPointer) -> Bool {
    guard !c.pointee.backend.toSend.isEmpty else { return false }
    flush(c, .backend)
    return true
  }

  // MARK: OpenSSL's

  private mutating func openByOpenSSL(_ c: ConnectionPointer, _ buffer: inout BufferID) -> Opening {
    guard !c.pointee.client.received.isEmpty || c.pointee.mayHoldPlain else { return .nothing }
    guard !leavesAnswersUnread(c) else {
      close(c, by: .client, .malformed, .reset)
      return .failed
    }
    guard let target = engine.buffers.take() else {
      starve(c)
      return .starved
    }
    let opening = readRecords(c, into: target)
    guard engine.buffers.count(target) > 0 else {
      engine.buffers.give(target)
      return opening
    }
    buffer = target
    return .bytes
  }

  /// True exactly when more waits for the client than its backend may have sent: OpenSSL's answers, each in a buffer of
  /// its own, to a client that asks for other handshakes or keys again and again, and reads nothing.
  private func leavesAnswersUnread(_ c: ConnectionPointer) -> Bool {
    let queue = c.pointee.client.toSend
    return Int(queue.bufferCount) > Self.unreadAnswers + topology.settings.relay.highWater.bytes / 4096
  }

  private static var unreadAnswers: Int { 64 }

  /// Reads into an empty buffer until it is full or there is no more.
  private mutating func readRecords(_ c: ConnectionPointer, into target: BufferID) -> Opening {
    while engine.buffers.room(target) > 0, !c.pointee.client.received.isEmpty || c.pointee.mayHoldPlain {
      guard let reply = engine.buffers.take() else {
        starve(c)
        return .starved
      }
      let (start, filled) = (engine.buffers.start(target), engine.buffers.count(target))
      let room = engine.buffers.room(target)
      let source = c.pointee.client.received.head
      let input =
        source.isNone
        ? UnsafeRawBufferPointer(start: nil, count: 0)
        : UnsafeRawBufferPointer(engine.buffers.bytes(source))
      let outcome = c.pointee.session!.read(
        input: input,
        into: UnsafeMutableRawBufferPointer(start: engine.buffers.base(target) + start + filled, count: room),
        output: UnsafeMutableRawBufferPointer(start: engine.buffers.base(reply), count: BufferPool.stride))
      consumed(c, outcome.consumed)
      produced(c, reply, outcome.produced)
      engine.buffers.setPayload(target, start: start, count: filled + outcome.read)
      c.pointee.mayHoldPlain = outcome.read == room
      switch outcome.status {
      case .data, .wantsInput, .wantsRoom: continue
      case .closed:
        saidGoodbye(c)
        return .nothing
      case .failed:
        // Asked again, OpenSSL says the same.
        c.pointee.mayHoldPlain = true
        if engine.buffers.count(target) > 0 || isBackendOwed(c) { return .nothing }
        close(c, by: .client, .malformed, .orderly)
        return .failed
      }
    }
    // KeyUpdates are answered, for example.
    flush(c, .client)
    return .nothing
  }

  /// close_notify: nothing that follows counts. What came before it is still to be dealt with, so the phase
  /// learns of the end when it asks for more.
  private mutating func saidGoodbye(_ c: ConnectionPointer) {
    c.pointee.client.received.removeAll(in: &engine.buffers)
    c.pointee.mayHoldPlain = false
    c.pointee.hasCloseNotify = true
    c.pointee.client.peerFinished = true
  }
}
