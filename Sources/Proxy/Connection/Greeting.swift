internal import Basics
internal import Policy
internal import Settings
internal import Telemetry

/// Phase 1, in a crowd: who would be refused whatever it has to say is refused before it says it. That spares the
/// client its ClientHello, and us a slot, a receive and the reading.
extension Worker where Engine: ~Copyable {
  enum Greeting {
    case welcome(Newcomer)
    /// It will be refused in words, most likely, for which so many nanoseconds of handshake have been set aside.
    case toBeTold(nanoseconds: UInt32)
    case refused(AdmissionSnapshot.Refusal)
  }

  mutating func greet(_ bind: BoundListener) -> Greeting {
    let listener = bind.listener
    // For an orderly end what the client has sent has to be read: closing a socket with bytes unread resets it.
    guard topology.settings.refusal.beforeTLS == .reset else { return .welcome(.unknown) }
    let welcome = admission.welcome(
      listener: listener.number, certificates: listener.certificateKinds,
      patience: topology.settings.waitingRoom.patience,
      now: now)
    switch welcome {
    case .expected: return .welcome(listener.isTLS ? .expected : .expectedInTheClear)
    case .hoped: return .welcome(.hoped)
    case .refused(let reason): return words(for: listener) ?? .refused(AdmissionSnapshot.Refusal(reason))
    }
  }

  /// Sets aside what it takes to refuse one in words; nil where none are due, or the budget for them is spent.
  private mutating func words(for listener: ListenerState) -> Greeting? {
    let costs = admission.budget.costs
    let handshake = listener.certificateKinds.map { costs[costs.dearest($0)] } ?? 0
    guard canTell(listener, handshake) else { return nil }
    refusals.begin(handshake: handshake, now: now)
    return .toBeTold(nanoseconds: UInt32(clamping: handshake))
  }

  mutating func noteGreeting(_ greeting: Greeting, _ c: ConnectionPointer) {
    switch greeting {
    case .welcome(let newcomer): c.pointee.newcomer = newcomer
    case .toBeTold(let nanoseconds):
      c.pointee.isToBeTold = true
      c.pointee.wordsPaid = nanoseconds
    case .refused: break
    }
  }

  /// How long it may be until a newcomer's first byte comes, or is looked at that it hasn't.
  func firstLook(_ c: ConnectionPointer) -> Duration {
    let deadline = topology.settings.deadlines.firstByte
    guard isKeptSomething(c) else { return deadline }
    return min(deadline, topology.settings.waitingRoom.patience / Self.placeIsKept)
  }

  private func isKeptSomething(_ c: ConnectionPointer) -> Bool {
    c.pointee.newcomer.hasPlace || c.pointee.isToBeTold
  }

  /// A place, or words, are kept for whom says what it is within this part of its patience: who says nothing would keep
  /// others out of the one, and leave none of the other.
  private static var placeIsKept: Int { 4 }

  /// True when one has said nothing for too long to have a place or words kept for it, but may still come.
  mutating func stopsExpecting(_ c: ConnectionPointer) -> Bool {
    let deadline = c.pointee.acceptedAt + topology.settings.deadlines.firstByte
    guard isKeptSomething(c), now < deadline else { return false }
    endGreeting(c)
    timers.set(c.pointee.id.index, at: deadline)
    return true
  }

  /// What was kept for one until it has said what it is goes back: its place, and the words.
  mutating func endGreeting(_ c: ConnectionPointer) {
    admission.forget(c.pointee.newcomer, listener: c.pointee.listener.number)
    c.pointee.newcomer = .unknown
    guard c.pointee.isToBeTold else { return }
    refusals.giveBack(nanoseconds: UInt64(c.pointee.wordsPaid), now: now)
    endWords(c)
  }

  /// Nothing but its address is known of this client, and nothing has been spent on it.
  mutating func refuseNewcomer(
    _ socket: SocketHandle, of listener: ListenerState, _ reason: AdmissionSnapshot.Refusal
  ) {
    var reason = reason
    if let address = engine.peerAddress?.ipAddress {
      if listener.rules.permits(address) { _ = noteArrival(address) } else { reason = .denied }
    }
    listener.counters[shared.index].add(.connectionsAccepted)
    counters.add(.connectionsEnded)
    if topology.settings.log.connections != nil {
      var record = ConnectionRecord(
        acceptedAt: now, worker: shared.index, listener: listener.settings.name,
        end: EndReason(who: .proxy, phase: .accepting, cause: .limited))
      record.client = engine.peerAddress
      record.refusal = reason
      if !shared.records.record(record) { counters.add(.recordsDropped) }
    }
    refuseSocket(socket, of: listener, reason)
  }
}
