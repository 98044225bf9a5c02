internal import Basics
internal import Policy
internal import Settings
internal import Telemetry

/// Phase 1: a socket has been accepted. It gets a slot, if its client may come at all.
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
      if !completion.socket.isNone { refuseSocket(completion.socket, of: nil, nil) }
      return
    }
    if !completion.more && !isPaused { engine.resumeAccepting(listener: index) }
    guard completion.result >= 0 else { return acceptFailed() }
    counters.add(.connectionsAccepted)
    guard connections.count < connections.capacity else {
      counters.add(.slotsExhausted)
      refuseSocket(completion.socket, of: bind.listener, nil)
      return pauseAccepting()
    }
    guard shared.process.live.enter(limit: topology.settings.limits.connections) else {
      return refuseSocket(completion.socket, of: bind.listener, .processLimit)
    }
    guard bind.listener.live.enter(limit: bind.listener.settings.connections ?? .max) else {
      shared.process.live.leave()
      return refuseSocket(completion.socket, of: bind.listener, .listenerLimit)
    }
    // Behind a PROXY header is another client than the socket's peer: the limits count that one.
    let isBehindProxy = expectsProxyHeader(bind.listener)
    let greeting = isBehindProxy ? .welcome(.unknown) : greet(bind)
    if case .refused(let reason) = greeting {
      shared.process.live.leave()
      bind.listener.live.leave()
      return refuseNewcomer(completion.socket, of: bind.listener, reason)
    }
    let connection = Connection(listener: bind.listener, bind: bind.index, worker: shared.index, now: now)
    guard let slot = connections.insert(connection), let c = connections.pointer(slot) else {
      preconditionFailure("a table with free slots has none")
    }
    c.pointee.expectsProxyHeader = isBehindProxy
    noteGreeting(greeting, c)
    adopt(c, slot, completion.socket)
    // A client that found no slot would have to be reset.
    if connections.count == connections.capacity { pauseAccepting() }
  }

  private mutating func adopt(_ c: ConnectionPointer, _ slot: SlotID, _ socket: SocketHandle) {
    c.pointee.id = slot
    c.pointee.client.socket = socket
    counters.add(.connectionsLive)
    c.pointee.listenerCounters.add(.connectionsAccepted)
    c.pointee.listenerCounters.add(.connectionsLive)
    c.pointee.address = engine.peerAddress
    timers.set(slot.index, at: now + firstLook(c))
    if c.pointee.expectsProxyHeader || passesAddress(c) { startWaiting(c) }
    if c.pointee.phase != .closing { updateReceiving(c, .client) }
    continueClosing(slot)
  }

  private func expectsProxyHeader(_ listener: ListenerState) -> Bool {
    guard let sources = listener.proxySources, let peer = engine.peerAddress?.ipAddress else { return false }
    return sources.contains(peer)
  }

  /// Nothing is known of this socket and nothing has been spent on it.
  mutating func refuseSocket(
    _ socket: SocketHandle, of listener: ListenerState?, _ reason: AdmissionSnapshot.Refusal?
  ) {
    listener?.counters[shared.index].add(.connectionsRefusedBeforeTLS)
    if reason == .listenerLimit { listener?.counters[shared.index].add(.connectionsRefusedAtLimit) }
    if let reason { shared.admission.add(reason.counter) }
    shared.admission.add(.beforeTLS)
    engine.close(
      socket, reset: topology.settings.refusal.beforeTLS == .reset,
      CompletionToken(operation: Operation.clientClose.rawValue, slot: .nobody))
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
    guard isPaused, connections.count < connections.capacity else { return }
    isPaused = false
    for bind in binds { if let bind { engine.resumeAccepting(listener: UInt32(bind.index)) } }
  }
}
