internal import Basics
internal import Policy
internal import Settings
internal import Wire

/// A deadline has passed: what that means, by phase.
extension Worker where Engine: ~Copyable {
  mutating func deadlinePassed(_ index: UInt32) {
    guard let id = connections.tenant(at: index), let c = connections.pointer(id) else { return }
    switch c.pointee.phase {
    case .waiting: waitingTookTooLong(c)
    case .accepting, .handshaking: close(c, by: .client, .deadline, .now)
    case .holding: releaseHeld(c)
    case .upgrading: refuse(c, .requestTimeout, .deadline, by: .client)
    case .connecting: connectingTookTooLong(c)
    case .relaying: lookAtIdle(c)
    case .closing: closingTookTooLong(c)
    }
    continueClosing(id)
  }

  private mutating func waitingTookTooLong(_ c: ConnectionPointer) {
    if stopsExpecting(c) { return }
    if admission.contains(c.pointee.id) {
      // The worker has been held up, or else the room would have seen to it. It does so in this turn and the next
      // ones, a few at a time, and says why, in words where these are due.
      timers.set(c.pointee.id.index, at: now + .seconds(1))
    } else if c.pointee.expectsProxyHeader && !c.pointee.client.received.isEmpty {
      refuseBeforeTLS(c, .proxyHeader)
    } else {
      close(c, by: .client, .deadline, .now)
    }
  }

  private mutating func connectingTookTooLong(_ c: ConnectionPointer) {
    if c.pointee.isAnswerAwaited {
      answerFailed(c, .gatewayTimeout, .deadline)
    } else if c.pointee.backend.connectInFlight && !c.pointee.backend.isLeaving {
      connectFailed(c)
    }
  }

  /// The deadline isn't moved at each byte; here is looked whether there was one since.
  private mutating func lookAtIdle(_ c: ConnectionPointer) {
    if c.pointee.exchange == .webSocket, c.pointee.firstFinisher != nil {
      let late = c.pointee.client.peerFinished ? Side.backend : .client
      return close(c, by: late.endedBy, .deadline, .now)
    }
    let idle = topology.settings.deadlines.idle
    let due = c.pointee.lastActivity + idle
    if due > now {
      timers.set(c.pointee.id.index, at: due)
    } else {
      close(c, by: .proxy, .deadline, .orderly)
    }
  }

  private mutating func closingTookTooLong(_ c: ConnectionPointer) {
    // The kernel owes us the completions of what we cancelled, however long that takes; a client owes us
    // nothing, and gets a reset.
    if c.pointee.closing != .leaving {
      c.pointee.isReset = c.pointee.closing == .flushing
      clientIsGone(c, .client)
    }
  }
}
