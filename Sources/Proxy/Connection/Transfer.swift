internal import Basics
internal import Policy
internal import Settings
internal import Telemetry

/// What all phases share: receiving and sending on a leg, with water marks, and the change of phase.
extension Worker where Engine: ~Copyable {
  /// Goes on to another phase.
  /// - Parameter deadline: how long it may take; nil keeps the deadline that runs.
  mutating func enter(_ c: ConnectionPointer, _ phase: Phase, for deadline: Duration?) {
    assert(c.pointee.phase != .closing, "closing is the last phase")
    c.pointee.durations.add(c.pointee.phase, now.nanoseconds - c.pointee.phaseEnteredAt.nanoseconds)
    if c.pointee.phase == .relaying { liveCount -= 1 }
    if phase == .relaying { liveCount += 1 }
    c.pointee.phase = phase
    c.pointee.phaseEnteredAt = now
    if let deadline { timers.set(c.pointee.id.index, at: now + deadline) }
  }

  // MARK: Receiving

  /// Buffers of a side that wait for what is known to follow, at most.
  private static var gatheredBuffers: Int { 8 }

  mutating func received(_ c: ConnectionPointer, _ side: Side, _ completion: Completion) {
    if !completion.more {
      c.leg(side).pointee.inFlight -= 1
      c.leg(side).pointee.receiving = .idle
    }
    if completion.result > 0 {
      c.leg(side).pointee.received.append(completion.buffer, in: &engine.buffers)
      c.pointee.lastActivity = now
      // What comes together is passed on together: one large send costs less than two.
      if completion.isFollowed && c.pointee.phase == .relaying
        && Int(c.leg(side).pointee.received.bufferCount) < Self.gatheredBuffers
      {
        return
      }
    } else {
      if !completion.buffer.isNone { engine.buffers.give(completion.buffer) }
      receiveEnded(c, side, completion.result)
    }
    hasBytes(c, side)
    updateReceiving(c, side)
  }

  private mutating func receiveEnded(_ c: ConnectionPointer, _ side: Side, _ result: Int32) {
    switch -result {
    case 0:
      c.leg(side).pointee.receiving = .ended
      if c.leg(side).pointee.isSending {
        c.leg(side).pointee.finishIsUnproven = true
        awaitSend(c, side)
      } else {
        finished(c, side)
      }
    case Errno.noBuffers:
      c.leg(side).pointee.receiving = .starved
      counters.add(.buffersExhausted)
      starve(c)
    case Errno.cancelled, Errno.interrupted, Errno.again:
      break
    default:
      c.leg(side).pointee.receiving = .ended
      broke(c, side)
    }
  }

  /// Arms the receiving half, or stops it, as the water marks have it.
  mutating func updateReceiving(_ c: ConnectionPointer, _ side: Side) {
    guard c.leg(side).pointee.isOpen, !c.leg(side).pointee.isLeaving else { return }
    let held = isToBeHeld(c, side)
    c.leg(side).pointee.isHeld = held
    if held { awaitSend(c, side.other) }
    switch c.leg(side).pointee.receiving {
    case .idle where !held:
      // Who has yet to be judged may be refused for what comes, and then there is nothing to cancel.
      let isSingle =
        c.leg(side).pointee.isBulk || c.pointee.phase == .waiting && !admission.contains(c.pointee.id)
      if c.leg(side).pointee.isBulk && c.pointee.phase == .relaying { relayed += 1 }
      c.leg(side).pointee.receiving = isSingle ? .once : .multishot
      c.leg(side).pointee.inFlight += 1
      engine.receive(c.leg(side).pointee.socket, multishot: !isSingle, token(side.receive, c))
    case .multishot where held:
      c.leg(side).pointee.receiving = .cancelling
      c.leg(side).pointee.isBulk = true
      cancel(c, side, side.receive)
    case .idle, .once, .multishot, .cancelling, .starved, .ended:
      break
    }
  }

  /// True exactly when nothing more is to be read from this side for now.
  private func isToBeHeld(_ c: ConnectionPointer, _ side: Side) -> Bool {
    if c.pointee.phase == .closing { return side == .backend || c.pointee.closing == .leaving }
    // Who waits for its turn has nothing to add; only its end is of interest.
    if c.pointee.phase == .waiting && !c.pointee.stash.isEmpty && !c.pointee.client.received.isEmpty {
      return true
    }
    // A backend says nothing that we'd want before it is connected.
    if side == .backend && c.pointee.backend.connectInFlight { return true }
    if isUnfinished(c, side) { return false }
    let relay = topology.settings.relay
    let mark = c.leg(side).pointee.isHeld ? relay.lowWater.bytes : relay.highWater.bytes - 1
    let own = c.leg(side).pointee.received
    let other = c.leg(side.other).pointee.toSend
    var bytes = Int(own.byteCount) + Int(other.byteCount)
    var count = Int(own.bufferCount) + Int(other.bufferCount)
    if side == .client {
      bytes += Int(c.pointee.plain.byteCount)
      count += Int(c.pointee.plain.bufferCount)
    }
    // Small messages fill buffers badly: their number counts as well.
    return bytes > mark || count > max(2, relay.highWater.bytes / 4096)
  }

  /// True exactly when what this side has sent is of no use without more of it: the beginning of a record.
  /// Whatever its length, reading must go on; nothing else would ever start it again.
  private func isUnfinished(_ c: ConnectionPointer, _ side: Side) -> Bool {
    guard c.pointee.phase == .relaying || c.pointee.phase == .upgrading else { return false }
    return c.leg(side.other).pointee.toSend.isEmpty && c.pointee.plain.isEmpty && !c.pointee.isStarved
  }

  mutating func cancel(_ c: ConnectionPointer, _ side: Side, _ operation: Operation) {
    c.leg(side).pointee.inFlight += 1
    engine.cancel(token(operation, c), on: c.leg(side).pointee.socket, token(side.cancel, c))
  }

  // MARK: Sending

  /// So much nearly always finds room in a socket at once.
  static var quietBytes: UInt32 { 16384 }

  /// Sends what is there to be sent, one send at a time; then FIN, where it has been requested.
  mutating func flush(_ c: ConnectionPointer, _ side: Side) {
    guard c.leg(side).pointee.isOpen, !c.leg(side).pointee.isLeaving, !c.leg(side).pointee.connectInFlight,
      side == .client || !c.pointee.isIntroductionDue
    else { return }
    if c.leg(side).pointee.isSending {
      let isFollowed = c.leg(side).pointee.toSend.byteCount > c.leg(side).pointee.sendingBytes
      if isFollowed || c.leg(side).pointee.finishRequested { awaitSend(c, side) }
    } else if !c.leg(side).pointee.toSend.isEmpty {
      startSend(c, side)
    } else if c.leg(side).pointee.finishRequested && !c.leg(side).pointee.isShutDown {
      c.leg(side).pointee.isShutDown = true
      guard !c.leg(side).pointee.peerFinished else {
        // Both directions are over: closing says it, at less cost.
        c.leg(side).pointee.isLeaving = true
        return
      }
      c.leg(side).pointee.shutdownInFlight = true
      c.leg(side).pointee.inFlight += 1
      engine.shutdown(c.leg(side).pointee.socket, token(side.shutdown, c))
    }
  }

  mutating func startSend(_ c: ConnectionPointer, _ side: Side) {
    // Where the peer has finished, we close instead; with bytes unread that drops what hasn't left yet.
    let isLast = c.leg(side).pointee.finishRequested && !c.leg(side).pointee.peerFinished
    let count = engine.send(
      c.leg(side).pointee.socket, c.leg(side).pointee.toSend, isLast: isLast, token(side.send, c))
    assert(count > 0 && count <= Int(c.leg(side).pointee.toSend.bufferCount))
    var bytes = 0
    var buffer = c.leg(side).pointee.toSend.head
    for _ in 0..<count {
      bytes += engine.buffers.count(buffer)
      buffer = engine.buffers.next(buffer)
    }
    c.leg(side).pointee.sendingCount = UInt8(count)
    c.leg(side).pointee.sendingBytes = UInt32(bytes)
    c.leg(side).pointee.inFlight += 1
    c.leg(side).pointee.sendingSince = turnNumber
    if c.pointee.phase == .relaying {
      relayed += 1
      // What comes with a connection's end isn't followed by others like it.
      if !c.leg(side).pointee.finishRequested { countMessage(c) }
    }
    c.leg(side).pointee.isSendQuiet = isQuiet(c, side)
    c.leg(side).pointee.isSendTrusted = c.leg(side).pointee.isSendQuiet
    if c.leg(side).pointee.isSendQuiet {
      quietSends.begun += 1
      engine.expectsNothing(of: c.leg(side).pointee.socket)
    }
  }

  private mutating func countMessage(_ c: ConnectionPointer) {
    brought.messages += 1
    if now.since(c.pointee.phaseEnteredAt) >= CompletionCoalescing.settled { brought.settledMessages += 1 }
  }

  /// Something has come that goes on only when the side's send is over: it is to end a wait after all.
  private mutating func awaitSend(_ c: ConnectionPointer, _ side: Side) {
    guard c.leg(side).pointee.isSending, c.leg(side).pointee.isSendQuiet else { return }
    c.leg(side).pointee.isSendQuiet = false
    guard c.leg(side).pointee.sendingSince == turnNumber else { return }
    c.leg(side).pointee.isSendTrusted = false
    quietSends.begun -= 1
    engine.expectsSomething(of: c.leg(side).pointee.socket)
  }

  /// True exactly when nothing follows a send that has begun, and it is over at once, most likely.
  private func isQuiet(_ c: ConnectionPointer, _ side: Side) -> Bool {
    c.leg(side).pointee.sendingBytes == c.leg(side).pointee.toSend.byteCount
      && c.leg(side).pointee.sendingBytes <= Self.quietBytes && !c.leg(side).pointee.finishRequested
      && c.leg(side).pointee.slowSends == 0 && !c.leg(side).pointee.connectInFlight
      && !c.leg(side.other).pointee.isHeld
  }

  mutating func sent(_ c: ConnectionPointer, _ side: Side, _ result: Int32) {
    let isConnecting = side == .backend && c.pointee.backend.connectInFlight
    if isConnecting {
      connected(c, 0)
      if c.pointee.phase == .connecting && c.pointee.backend.isLeaving { return connectedTooLate(c, result) }
    }
    let isWhole = result == Int32(c.leg(side).pointee.sendingBytes)
    if turnNumber &- c.leg(side).pointee.sendingSince > 1 {
      // Behind a connect that says nothing of the peer.
      if !isConnecting { c.leg(side).pointee.slowSends = .max }
    } else if c.leg(side).pointee.slowSends > 0 {
      c.leg(side).pointee.slowSends -= 1
    }
    for _ in 0..<c.leg(side).pointee.sendingCount {
      if let buffer = c.leg(side).pointee.toSend.removeFirst(in: engine.buffers) {
        engine.buffers.give(buffer)
      }
    }
    sendIsOver(c, side)
    guard isWhole else { return sendFailed(c, side) }
    c.pointee.lastActivity = now
    if c.leg(side).pointee.finishIsUnproven {
      c.leg(side).pointee.finishIsUnproven = false
      finished(c, side)
      hasBytes(c, side)
    }
    if side == .client && c.pointee.phase != .closing { refuseRenegotiation(c) }
    flush(c, side)
    // There is room again: what was left unread goes on.
    hasBytes(c, side.other)
    updateReceiving(c, side.other)
  }

  /// The buffers are ours again.
  mutating func sendIsOver(_ c: ConnectionPointer, _ side: Side) {
    c.leg(side).pointee.inFlight -= 1
    c.leg(side).pointee.sendingCount = 0
    guard c.leg(side).pointee.isSendTrusted else { return }
    c.leg(side).pointee.isSendTrusted = false
    if turnNumber &- c.leg(side).pointee.sendingSince == 1 { quietSends.missing -= 1 }
  }

  private mutating func sendFailed(_ c: ConnectionPointer, _ side: Side) {
    c.leg(side).pointee.toSend.removeAll(in: &engine.buffers)
    c.leg(side).pointee.finishIsUnproven = false
    guard !c.leg(side).pointee.isLeaving else { return }
    broke(c, side)
  }

  /// Copies bytes of our own making behind what is to be sent. False when there is no buffer for them.
  mutating func append(_ bytes: UnsafeRawBufferPointer, to side: Side, of c: ConnectionPointer) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      guard let buffer = engine.buffers.take() else { return false }
      let count = min(rest.count, BufferPool.payload)
      let start = engine.buffers.start(buffer)
      (engine.buffers.base(buffer) + start).copyMemory(from: rest.baseAddress!, byteCount: count)
      engine.buffers.setPayload(buffer, start: start, count: count)
      c.leg(side).pointee.toSend.append(buffer, in: &engine.buffers)
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    return true
  }

  /// Appends a filled buffer, or its bytes where the last one has room for them: small messages that pile up
  /// share a buffer.
  mutating func enqueue(_ buffer: BufferID, to side: Side, of c: ConnectionPointer) {
    let count = engine.buffers.count(buffer)
    let last = c.leg(side).pointee.toSend.last
    let isFree = Int(c.leg(side).pointee.toSend.bufferCount) > Int(c.leg(side).pointee.sendingCount)
    if isFree && count <= BufferPool.payload / 2 && engine.buffers.room(last) >= count {
      c.leg(side).pointee.toSend.extendLast(
        with: UnsafeRawBufferPointer(engine.buffers.bytes(buffer)), in: &engine.buffers)
      engine.buffers.give(buffer)
    } else {
      c.leg(side).pointee.toSend.append(buffer, in: &engine.buffers)
    }
  }

  mutating func shutDown(_ c: ConnectionPointer, _ side: Side) {
    c.leg(side).pointee.inFlight -= 1
    c.leg(side).pointee.shutdownInFlight = false
    if c.pointee.phase == .relaying { endIfFinished(c) }
  }

  // MARK: What a side has to say, by phase

  mutating func hasBytes(_ c: ConnectionPointer, _ side: Side) {
    switch side {
    case .client: clientHasBytes(c)
    case .backend: backendHasBytes(c)
    }
  }

  mutating func clientHasBytes(_ c: ConnectionPointer) {
    switch c.pointee.phase {
    case .accepting: break
    case .waiting: continueWaiting(c)
    case .handshaking: queueHandshake(c, now)
    case .upgrading: continueUpgrading(c)
    case .connecting: if c.pointee.exchange == .request { pumpFromClient(c) }
    case .relaying: pumpFromClient(c)
    case .holding: continueHolding(c)
    case .closing: c.pointee.client.received.removeAll(in: &engine.buffers)
    }
  }

  private mutating func backendHasBytes(_ c: ConnectionPointer) {
    switch c.pointee.phase {
    case .accepting, .waiting, .handshaking, .upgrading: break
    case .connecting: continueConnecting(c)
    case .relaying: pumpFromBackend(c)
    case .holding: break
    case .closing: c.pointee.backend.received.removeAll(in: &engine.buffers)
    }
  }

  /// A side has sent its last byte.
  mutating func finished(_ c: ConnectionPointer, _ side: Side) {
    c.leg(side).pointee.peerFinished = true
    switch (side, c.pointee.phase) {
    case (.client, .accepting), (.client, .waiting), (.client, .handshaking), (.client, .upgrading):
      closeIfAbandoned(c)
    case (.client, .holding):
      close(c, by: .client, .limited, .orderly)
    case (.client, .connecting):
      if c.pointee.exchange == .webSocket { close(c, by: .client, .truncated, .now) }
    case (.backend, .connecting):
      break  // `continueConnecting` sees that no answer will come.
    default:
      break  // The pumps pass it on.
    }
  }

  /// Closes when the client has sent its last byte, and all its bytes aren't enough for the phase to go on.
  mutating func closeIfAbandoned(_ c: ConnectionPointer) {
    guard c.pointee.client.peerFinished, c.pointee.phase != .accepting else { return }
    let isAtEnd = c.pointee.client.received.isEmpty && !c.pointee.mayHoldPlain
    guard isAtEnd || c.pointee.phase == .waiting && hasGivenUp(c) else { return }
    close(c, by: .client, .truncated, .now)
  }

  /// A client that waits and has sent its last byte is gone where more is due from it: a handshake. In the clear
  /// it may have sent its whole request; it is taken for gone when its turn doesn't come at once.
  private mutating func hasGivenUp(_ c: ConnectionPointer) -> Bool {
    if !c.pointee.isTLS && admission.contains(c.pointee.id) { leaving.append(c.pointee.id) }
    return c.pointee.isTLS
  }

  /// A socket has failed: reset, most often.
  mutating func broke(_ c: ConnectionPointer, _ side: Side) {
    switch (side, c.pointee.phase) {
    case (_, .closing): clientIsGone(c, side)
    case (.backend, .connecting): backendFailed(c)
    default: close(c, by: side.endedBy, .reset, .reset)
    }
  }

  // MARK: Running dry

  /// Puts the connection among those that go on when there are buffers again.
  mutating func starve(_ c: ConnectionPointer) {
    guard !c.pointee.isStarved else { return }
    c.pointee.isStarved = true
    starved.append(c.pointee.id)
  }

  /// Lets the starved go on, as many as were waiting when this began.
  mutating func feedStarved() {
    var left = starved.count
    while left > 0, engine.hasReceiveBuffers, let id = starved.removeFirst() {
      left -= 1
      guard let c = connections.pointer(id), c.pointee.isStarved else { continue }
      c.pointee.isStarved = false
      for side in [Side.client, .backend] where c.leg(side).pointee.receiving == .starved {
        c.leg(side).pointee.receiving = .idle
      }
      clientHasBytes(c)
      backendHasBytes(c)
      updateReceiving(c, .client)
      updateReceiving(c, .backend)
      continueClosing(id)
    }
  }
}
