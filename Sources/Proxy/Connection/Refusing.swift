internal import Basics
internal import Policy
internal import Settings
internal import Synchronization
internal import Telemetry
internal import Wire

/// Saying no: ahead of TLS at no cost, or in words where the budget for that has some left; in both cases so
/// that the refused come back as a line and not as a wall.
extension Worker where Engine: ~Copyable {
  /// Holds an address against rules and limits. False when the connection has been refused.
  mutating func passesAddress(_ c: ConnectionPointer) -> Bool {
    guard let address = c.pointee.address?.ipAddress else { return true }
    guard c.pointee.listener.rules.permits(address) else {
      refuseBeforeTLS(c, .denied)
      return false
    }
    if let slot = noteArrival(address) {
      c.pointee.returnSlot = slot
      c.pointee.hasEarlierSlot = true
    }
    guard !topology.settings.limits.perAddress.isUnlimited else { return true }
    switch shared.process.addresses.enter(address, now: now) {
    case .admitted(let pass):
      c.pointee.addressPass = pass
      return true
    case .refused(let reason):
      refuseBeforeTLS(c, reason == .connections ? .addressConnections : .addressRate)
      return false
    }
  }

  /// One that had been told when to come, and comes before, keeps its slot: impatience doesn't pay.
  mutating func noteArrival(_ address: IPAddress) -> MonotonicTime? {
    guard shared.process.hasTold.load(ordering: .relaxed) else { return nil }
    guard case .early(let slot) = shared.process.ledger.arrived(address, now: now) else { return nil }
    return slot
  }

  /// True exactly when one may be refused in words: there are some for it, and the budget for them has enough left.
  mutating func canTell(_ listener: ListenerState, _ handshake: UInt64) -> Bool {
    topology.settings.refusal.readable != .none && listener.settings.mode == .websocket
      && refusals.canAfford(handshake: handshake, now: now)
  }

  /// Refuses in words where the client can get any and the budget allows, otherwise ahead of TLS.
  ///
  /// - Parameter isPaid: true exactly when words for it had been set aside.
  mutating func refuseByLimit(
    _ c: ConnectionPointer, _ reason: AdmissionSnapshot.Refusal, isPaid: Bool = false
  ) {
    let handshake = c.pointee.isTLS ? admission.budget.costs[c.pointee.handshakeClass] : 0
    guard isPaid || canTell(c.pointee.listener, handshake) else { return refuseBeforeTLS(c, reason) }
    note(c, reason)
    refusals.begin(handshake: handshake, now: now)
    c.pointee.isToBeTold = true
    c.pointee.wordsPaid = UInt32(clamping: handshake)
    c.pointee.isRefused = true
    reserveReturn(c)
    timers.set(c.pointee.id.index, at: now + topology.settings.deadlines.handshaking)
    proceed(c)
  }

  /// Nothing has been spent on it yet, and nothing is.
  mutating func refuseBeforeTLS(_ c: ConnectionPointer, _ reason: AdmissionSnapshot.Refusal) {
    guard c.pointee.phase != .closing else { return }
    note(c, reason)
    closeBeforeTLS(c)
  }

  private mutating func closeBeforeTLS(_ c: ConnectionPointer) {
    shared.admission.add(.beforeTLS)
    c.pointee.listenerCounters.add(.connectionsRefusedBeforeTLS)
    let isReset = topology.settings.refusal.beforeTLS == .reset
    close(c, by: .proxy, .limited, isReset ? .reset : .now)
  }

  /// Ends a connection whose handshake would begin a quarter and more past its patience: the worker has been
  /// slower than foreseen, the client has given up by all that is known, and the crypto would be in vain. False
  /// when it isn't so late, or the handshake is under way.
  mutating func refuseIfLate(_ c: ConnectionPointer, _ clock: MonotonicTime) -> Bool {
    guard c.pointee.session == nil, clock > c.pointee.handshakeDue else { return false }
    if c.pointee.isRefused {
      // Counted by its reason already.
      closeBeforeTLS(c)
    } else {
      refuseBeforeTLS(c, .patienceOver)
    }
    continueClosing(c.pointee.id)
    return true
  }

  private mutating func note(_ c: ConnectionPointer, _ reason: AdmissionSnapshot.Refusal) {
    c.pointee.refusal = reason
    shared.admission.add(reason.counter)
  }

  private mutating func reserveReturn(_ c: ConnectionPointer) {
    guard !c.pointee.hasEarlierSlot else { return }
    let isHeld = topology.settings.refusal.readable == .hold1013
    let away = admission.reserveReturn(
      listener: c.pointee.listener.number, c.pointee.handshakeClass,
      patience: topology.settings.waitingRoom.patience,
      rounding: isHeld ? .zero : .milliseconds(500), soonest: isHeld ? HoldRoom.shortest : .zero, now: now,
      using: &random)
    c.pointee.returnSlot = now + away
  }

  // MARK: In words

  /// It has been told, or has gone.
  mutating func endWords(_ c: ConnectionPointer) {
    guard c.pointee.isToBeTold else { return }
    c.pointee.isToBeTold = false
    refusals.end()
  }

  /// The refused client's request is there: it gets its answer.
  mutating func refuseReadably(
    _ c: ConnectionPointer, _ request: RequestHead, _ head: UnsafeBufferPointer<UInt8>
  ) {
    if let address = c.pointee.address?.ipAddress {
      shared.process.hasTold.store(true, ordering: .relaxed)
      shared.process.ledger.refused(address, slot: c.pointee.returnSlot, now: now)
    }
    endWords(c)
    let begun = engine.readWorkClock()
    defer {
      refusals.charge(refusal: engine.readWorkClock() &- begun, now: now)
    }
    if topology.settings.refusal.readable == .hold1013, request.isUpgrade, hold(c, request, head) { return }
    shared.admission.add(.unavailable)
    c.pointee.listenerCounters.add(.connectionsRefusedReadably)
    let wait = c.pointee.returnSlot.since(now)
    refuse(c, .serviceUnavailable, .limited, by: .proxy, retryAfterSeconds: wait.retryAfterSeconds)
  }
}

extension AdmissionSnapshot.Refusal {
  init(_ reason: AdmissionRefusal) {
    self =
      switch reason {
      case .roomFull: .roomFull
      case .tooLong: .tooLong
      case .patienceOver: .patienceOver
      }
  }

  var counter: AdmissionCounter {
    switch self {
    case .roomFull: .roomFull
    case .tooLong: .tooLong
    case .patienceOver: .patienceOver
    case .processLimit: .processLimit
    case .listenerLimit: .listenerLimit
    case .addressConnections: .addressConnections
    case .addressRate: .addressRate
    case .denied: .denied
    case .notTLS: .notTLS
    case .malformedHello: .malformedHello
    case .proxyHeader: .proxyHeader
    }
  }
}
