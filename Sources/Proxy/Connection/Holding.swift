internal import Basics
internal import Policy
internal import Settings
internal import TLS
internal import Telemetry
internal import Wire

/// Phase 7: a refused client that was answered 101 and is kept idle, at the cost of memory alone, until its slot
/// comes and it is told to try again. An immediate 1013 would bring some clients back in 10 ms, because the
/// completed 101 resets their backoff.
extension Worker where Engine: ~Copyable {
  /// Bytes that a held client may send before its slot: it has nothing to say.
  private static var heldBytesMax: UInt64 { 65536 }

  /// Answers 101 and holds. False when there is no room for one more.
  mutating func hold(
    _ c: ConnectionPointer, _ request: RequestHead, _ head: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    guard let key = request.key, held.hold(c.pointee.id, until: c.pointee.returnSlot, now: now) else {
      return false
    }
    scratch.removeAll(keepingCapacity: true)
    let accept = WebSocketAccept.value(for: head[key])
    Switching.write(to: &scratch, accept: accept, subprotocol: request.subprotocol, of: head.span)
    let text = scratch
    c.pointee.status = 101
    c.pointee.exchange = .webSocket
    // No backend will hear of it.
    c.pointee.introduction = nil
    shared.admission.add(.held)
    c.pointee.listenerCounters.add(.connectionsRefusedReadably)
    guard text.withUnsafeBytes({ sealForClient(c, $0) }) else {
      held.leave(c.pointee.id)
      close(c, by: .proxy, .exhausted, .now)
      return true
    }
    flush(c, .client)
    keepRest(c, after: head.count)
    enter(c, .holding, for: topology.settings.refusal.hold.atMost + .seconds(1))
    continueHolding(c)
    return true
  }

  /// What a held client sends is read and forgotten; its close is answered.
  mutating func continueHolding(_ c: ConnectionPointer) {
    var buffer = BufferID.none
    while c.pointee.phase == .holding, case .bytes = nextPlain(c, &buffer) {
      let facts = c.pointee.fromClient.observe(bytes(buffer).span)
      countFromClient(c, engine.buffers.count(buffer))
      engine.buffers.give(buffer)
      if facts.closeCode != 0 {
        c.pointee.closeCodeFromClient = facts.closeCode
        sendClose(c, by: .client)
      } else if c.pointee.bytesFromClient > Self.heldBytesMax {
        sendClose(c, by: .proxy)
      }
    }
    if c.pointee.phase == .holding && c.pointee.client.peerFinished {
      close(c, by: .client, .limited, .orderly)
    }
  }

  /// Lets those go whose slots have come.
  mutating func releaseDue() {
    guard let first = held.nextRelease else { return }
    for _ in 0..<Self.deadlinesATurn(late: now.since(first)) {
      guard let slot = held.popDue(now) else { return }
      guard let c = connections.pointer(slot), c.pointee.phase == .holding else { continue }
      releaseHeld(c)
      continueClosing(slot)
    }
  }

  mutating func releaseHeld(_ c: ConnectionPointer) { sendClose(c, by: .proxy) }

  private mutating func sendClose(_ c: ConnectionPointer, by who: EndedBy) {
    let code = who == .client ? c.pointee.closeCodeFromClient : CloseFrame.tryAgainLater
    // 1005 stands for a close without a code, and is never sent (RFC 6455 section 7.4.1).
    let frame = CloseFrame.encode(
      code: code == 1005 ? 1000 : code, reason: who == .client ? "" : "try again later")
    _ = frame.withUnsafeBytes { sealForClient(c, $0) }
    close(c, by: who, .limited, .orderly)
  }
}
