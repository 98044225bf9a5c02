internal import Basics
internal import Settings
internal import TLS
internal import Telemetry
internal import Wire

/// Phase 9: the one way out. What is left for the client is sent, what is in flight is cancelled and awaited,
/// then everything is given back, once.
extension Worker where Engine: ~Copyable {
  enum Manner {
    /// The client gets what is queued for it and a proper goodbye.
    case orderly
    /// At once, with FIN.
    case now
    /// At once, with a reset on both sides: what was under way is lost, and both know it.
    case reset
  }

  /// The only entrance to the closing phase. Harmless when the connection is in it already.
  mutating func close(_ c: ConnectionPointer, by who: EndedBy, _ cause: EndCause, _ manner: Manner) {
    guard c.pointee.phase != .closing else { return }
    c.pointee.end = EndReason(who: who, phase: c.pointee.phase, cause: cause)
    leaveAdmission(c)
    enter(c, .closing, for: topology.settings.deadlines.closing)
    c.pointee.isReset = manner == .reset
    dropUnread(c)
    c.pointee.backend.isLeaving = true
    switch manner {
    case .orderly:
      c.pointee.closing = .flushing
      finishSending(c, .client)
    case .now, .reset:
      leave(c)
    }
  }

  /// Answers the request with a refusal, and closes.
  mutating func refuse(
    _ c: ConnectionPointer, _ refusal: Refusal, _ cause: EndCause, by who: EndedBy, retryAfterSeconds: Int = 1
  ) {
    guard c.pointee.exchange != .stream else { return close(c, by: who, cause, .now) }
    c.pointee.status = UInt16(refusal.status)
    c.pointee.listenerCounters.add(.requestsRefused)
    c.pointee.listenerCounters.add(refusal.status < 500 ? .responses4xx : .responses5xx)
    let isQueued = refusal.bytes(retryAfterSeconds: retryAfterSeconds).withUnsafeBytes {
      sealForClient(c, $0)
    }
    close(c, by: who, cause, isQueued ? .orderly : .now)
  }

  private mutating func dropUnread(_ c: ConnectionPointer) {
    c.pointee.client.received.removeAll(in: &engine.buffers)
    c.pointee.backend.received.removeAll(in: &engine.buffers)
    c.pointee.plain.removeAll(in: &engine.buffers)
    c.pointee.stash.drop()
    c.pointee.mayHoldPlain = false
    if !c.pointee.head.isNone {
      engine.buffers.give(c.pointee.head)
      c.pointee.head = .none
    }
  }

  private func leave(_ c: ConnectionPointer) {
    c.pointee.closing = .leaving
    c.pointee.client.isLeaving = true
  }

  /// A socket failed while closing: there is nobody left to be orderly with.
  mutating func clientIsGone(_ c: ConnectionPointer, _ side: Side) {
    if side == .client { leave(c) }
  }

  /// Looked at after everything that happens to a connection: takes the steps that have become possible.
  mutating func continueClosing(_ id: SlotID) {
    guard let c = connections.pointer(id) else { return }
    if c.pointee.backend.isLeaving { continueLeaving(c, .backend) }
    guard c.pointee.phase == .closing else {
      if c.pointee.client.isLeaving { continueLeaving(c, .client) }
      return
    }
    continueClosingClient(c)
    if !c.pointee.client.isOpen && !c.pointee.backend.isOpen { release(c) }
  }

  private mutating func continueClosingClient(_ c: ConnectionPointer) {
    if c.pointee.closing == .flushing, c.pointee.client.isShutDown, !c.pointee.client.shutdownInFlight {
      c.pointee.closing = .lingering
    }
    if c.pointee.client.isLeaving || c.pointee.closing == .lingering && c.pointee.client.receiving == .ended {
      leave(c)
    }
    if c.pointee.closing == .leaving {
      continueLeaving(c, .client)
    } else {
      updateReceiving(c, .client)
    }
  }

  /// Cancels what is in flight on a socket; closes it when nothing is.
  private mutating func continueLeaving(_ c: ConnectionPointer, _ side: Side) {
    guard c.leg(side).pointee.isOpen, !c.leg(side).pointee.closeInFlight else { return }
    if !c.leg(side).pointee.hasCancelled || hasMissed(c, side) {
      c.leg(side).pointee.hasCancelled = true
      if c.leg(side).pointee.receiving == .once || c.leg(side).pointee.receiving == .multishot {
        c.leg(side).pointee.receiving = .cancelling
        cancel(c, side, side.receive)
      }
      if c.leg(side).pointee.isSending { cancel(c, side, side.send) }
      if c.leg(side).pointee.connectInFlight { cancel(c, side, .backendConnect) }
    }
    guard c.leg(side).pointee.inFlight == 0 else { return }
    c.leg(side).pointee.closeInFlight = true
    c.leg(side).pointee.inFlight += 1
    engine.close(c.leg(side).pointee.socket, reset: c.pointee.isReset, token(side.close, c))
    if c.pointee.phase == .closing { engine.expectsNothing(of: c.leg(side).pointee.socket) }
  }

  /// True exactly when the cancels are over and a connect isn't: they find nothing of a chain that is between two of its
  /// links. It goes on a link or more each turn.
  private func hasMissed(_ c: ConnectionPointer, _ side: Side) -> Bool {
    c.leg(side).pointee.connectInFlight
      && c.leg(side).pointee.inFlight == (c.leg(side).pointee.isSending ? 2 : 1)
  }

  mutating func socketClosed(_ c: ConnectionPointer, _ side: Side) {
    c.leg(side).pointee.inFlight -= 1
    assert(c.leg(side).pointee.inFlight == 0, "a socket was closed with operations in flight")
    c.leg(side).pointee.socket = .none
    c.leg(side).pointee.closeInFlight = false
    switch c.pointee.phase {
    case .connecting: connectAgain(c)
    case .relaying: endIfFinished(c)
    case .accepting, .waiting, .handshaking, .upgrading, .holding, .closing: break
    }
  }

  /// Nothing of it is in the kernel any more: all that it had goes back.
  private mutating func release(_ c: ConnectionPointer) {
    assert(c.pointee.inFlight == 0, "a slot was released with operations in flight")
    c.pointee.client.toSend.removeAll(in: &engine.buffers)
    c.pointee.backend.toSend.removeAll(in: &engine.buffers)
    dropUnread(c)
    if let library = shared.library { c.pointee.records?.forgetKeys(library: library) }
    account(c)
    leaveLimits(c)
    timers.clear(c.pointee.id.index)
    connections.remove(c.pointee.id)
  }

  private mutating func account(_ c: ConnectionPointer) {
    counters.add(.connectionsEnded)
    counters.subtract(.connectionsLive)
    c.pointee.listenerCounters.subtract(.connectionsLive)
    if c.pointee.tlsVersion != .none { counters.subtract(.connectionsTLSLive) }
    if let end = c.pointee.end, end.phase == .relaying, end.cause != .finished {
      c.pointee.chosen?.counters[shared.index].add(end.who == .client ? .abortsByClient : .abortsByBackend)
    }
    if topology.settings.log.connections != nil, !shared.records.record(record(c)) {
      counters.add(.recordsDropped)
    }
    leaveBackend(c)
  }

  /// The worker ends: what still lives is told of, and left to the process's end.
  mutating func abandonAll() {
    for index in 0..<connections.indexLimit {
      guard let id = connections.tenant(at: index), let c = connections.pointer(id) else { continue }
      if c.pointee.end == nil {
        c.pointee.end = EndReason(who: .operator, phase: c.pointee.phase, cause: .drained)
      }
      account(c)
      leaveLimits(c)
    }
  }
}
