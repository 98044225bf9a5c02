internal import Basics
internal import TLS

/// The client's bytes in the clear: as received on a plain listener, opened on a TLS one.
extension Worker where Engine: ~Copyable {
  enum Opening {
    /// Plain bytes have been put where they were wanted.
    case bytes
    /// Nothing to be had until more is received.
    case nothing
    /// No buffer: the connection has been put among the starved.
    case starved
    /// The connection has been closed: broken records.
    case failed
  }

  /// Appends the client's plain bytes to a buffer's payload, as far as there are any and there is room.
  mutating func openClient(_ c: ConnectionPointer, into target: BufferID) -> Opening {
    c.pointee.isTLS ? openRecords(c, into: target) : copyReceived(c, into: target)
  }

  /// The client's next plain bytes as a buffer of their own; without a copy where they came in the clear.
  mutating func nextPlain(_ c: ConnectionPointer, _ buffer: inout BufferID) -> Opening {
    if let first = c.pointee.plain.removeFirst(in: engine.buffers) {
      buffer = first
      return .bytes
    }
    guard c.pointee.isTLS else {
      guard let first = c.pointee.client.received.removeFirst(in: engine.buffers) else { return .nothing }
      buffer = first
      return .bytes
    }
    guard !c.pointee.client.received.isEmpty || c.pointee.mayHoldPlain else { return .nothing }
    guard let target = engine.buffers.take() else {
      starve(c)
      return .starved
    }
    let opening = openRecords(c, into: target)
    guard case .bytes = opening else {
      engine.buffers.give(target)
      return opening
    }
    buffer = target
    return .bytes
  }

  private mutating func copyReceived(_ c: ConnectionPointer, into target: BufferID) -> Opening {
    let source = c.pointee.client.received.head
    let room = engine.buffers.room(target)
    guard !source.isNone, room > 0 else { return .nothing }
    let count = min(room, engine.buffers.count(source))
    let start = engine.buffers.start(target)
    let filled = engine.buffers.count(target)
    (engine.buffers.base(target) + start + filled).copyMemory(
      from: engine.buffers.bytes(source).baseAddress!, byteCount: count)
    engine.buffers.setPayload(target, start: start, count: filled + count)
    consumed(c, count)
    return .bytes
  }

  private mutating func openRecords(_ c: ConnectionPointer, into target: BufferID) -> Opening {
    let start = engine.buffers.start(target)
    let before = engine.buffers.count(target)
    while true {
      let source = c.pointee.client.received.head
      let room = engine.buffers.room(target)
      guard room > 0, !source.isNone || c.pointee.mayHoldPlain else { break }
      let filled = engine.buffers.count(target)
      guard let reply = engine.buffers.take() else {
        if filled > before { break }
        starve(c)
        return .starved
      }
      let input =
        source.isNone
        ? UnsafeRawBufferPointer(start: nil, count: 0) : UnsafeRawBufferPointer(engine.buffers.bytes(source))
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
        clientSaidGoodbye(c)
        return engine.buffers.count(target) > before ? .bytes : .nothing
      case .failed:
        close(c, by: .client, .malformed, .orderly)
        return .failed
      }
    }
    if !c.pointee.client.toSend.isEmpty { flush(c, .client) }
    return engine.buffers.count(target) > before ? .bytes : .nothing
  }

  /// close_notify: nothing that follows counts.
  private mutating func clientSaidGoodbye(_ c: ConnectionPointer) {
    c.pointee.client.received.removeAll(in: &engine.buffers)
    c.pointee.mayHoldPlain = false
    c.pointee.hasCloseNotify = true
    if !c.pointee.client.peerFinished { finished(c, .client) }
  }
}
