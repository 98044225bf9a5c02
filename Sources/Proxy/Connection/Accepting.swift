internal import Basics
internal import Settings
internal import Telemetry

/// Phase 1: a socket has been accepted. It gets a slot, and its client's address is asked for.
extension Worker where Engine: ~Copyable {
  mutating func startAccepting(_ bind: BoundListener) {
    let index = UInt32(bind.index)
    while binds.count <= bind.index { binds.append(nil) }
    binds[bind.index] = bind
    engine.startAccepting(listener: index, descriptors: bind.descriptors[shared.index])
    if isPaused { engine.pauseAccepting(listener: index) }
  }

  mutating func accepted(_ completion: Completion) {
    let index = completion.token.slot.index
    guard Int(index) < binds.count, let bind = binds[Int(index)] else {
      if !completion.socket.isNone { refuseSocket(completion.socket) }
      return
    }
    if !completion.more && !isPaused { engine.resumeAccepting(listener: index) }
    guard completion.result >= 0 else { return acceptFailed() }
    counters.add(.connectionsAccepted)
    let room = shared.process.live.enter(limit: topology.settings.limits.connections)
    guard room != .none else {
      // The multishot had taken it before it could be told to stop.
      refuseSocket(completion.socket)
      return pauseAccepting()
    }
    guard let slot = connections.insert(Connection(listener: bind.listener, worker: shared.index, now: now)),
      let c = connections.pointer(slot)
    else {
      counters.add(.slotsExhausted)
      shared.process.live.leave()
      refuseSocket(completion.socket)
      return pauseAccepting()
    }
    adopt(c, slot, completion.socket)
    if room == .last || connections.count == connections.capacity { pauseAccepting() }
  }

  private mutating func adopt(_ c: ConnectionPointer, _ slot: SlotID, _ socket: SocketHandle) {
    c.pointee.id = slot
    c.pointee.client.socket = socket
    counters.add(.connectionsLive)
    c.pointee.listenerCounters.add(.connectionsAccepted)
    c.pointee.listenerCounters.add(.connectionsLive)
    timers.set(slot.index, at: now + topology.settings.deadlines.firstByte)
    engine.requestPeerAddress(of: socket, token(.clientAddress, c))
    c.pointee.client.inFlight += 1
    updateReceiving(c, .client)
  }

  mutating func addressKnown(_ c: ConnectionPointer) {
    c.pointee.client.inFlight -= 1
    guard c.pointee.phase == .accepting else { return }
    c.pointee.address = engine.peerAddress
    // A client that has sent FIN or reset meanwhile is met as such in the next phase.
    startWaiting(c)
  }

  /// Nothing is known of this socket and nothing has been spent on it.
  private mutating func refuseSocket(_ socket: SocketHandle) {
    engine.close(
      socket, reset: true, CompletionToken(operation: Operation.clientClose.rawValue, slot: .nobody))
  }

  private mutating func acceptFailed() {
    counters.add(.acceptErrors)
    // ENFILE, EMFILE, ENOBUFS, ENOMEM: something has run out. Going on at once would spin.
    pauseAccepting()
  }

  mutating func pauseAccepting() {
    guard !isPaused else { return }
    isPaused = true
    counters.add(.acceptPauses)
    for bind in binds { if let bind { engine.pauseAccepting(listener: UInt32(bind.index)) } }
  }

  mutating func resumeAcceptingIfRoom() {
    guard isPaused, connections.count < connections.capacity,
      shared.process.live.hasRoom(limit: topology.settings.limits.connections)
    else { return }
    isPaused = false
    for bind in binds { if let bind { engine.resumeAccepting(listener: UInt32(bind.index)) } }
  }
}
