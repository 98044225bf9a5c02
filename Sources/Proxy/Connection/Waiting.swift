internal import Basics
internal import Policy
internal import Settings
internal import TLS
internal import Telemetry
internal import Wire

/// Phase 2: the client's first bytes tell what it would cost, without any crypto; then it waits for its turn.
extension Worker where Engine: ~Copyable {
  /// Clients let in or refused in one turn at most, so that live connections are served between.
  private static var admissionsPerTurn: Int { 8 }
  /// While so many handshakes have work to do, nobody is let in: the place to wait is the room, at little
  /// memory and in the room's order, and who goes meanwhile has cost no crypto.
  private static var handshakesReady: Int { 4 }
  /// Looks at a ClientHello that isn't whole. Honest ones come in a few pieces.
  private static var helloScansMax: UInt8 { 64 }

  mutating func startWaiting(_ c: ConnectionPointer) {
    enter(c, .waiting, for: nil)
    clientHasBytes(c)
  }

  mutating func continueWaiting(_ c: ConnectionPointer) {
    guard !admission.contains(c.pointee.id) else { return closeIfAbandoned(c) }
    if c.pointee.expectsProxyHeader {
      guard readProxyHeader(c) else { return closeIfAbandoned(c) }
    }
    let listener = c.pointee.listener.settings
    if listener.tls == nil {
      // The protocol behind `mode: tcp` may be one where the server speaks first.
      guard listener.mode == .tcp || !c.pointee.client.received.isEmpty else { return closeIfAbandoned(c) }
    } else {
      guard readHello(c) else { return closeIfAbandoned(c) }
    }
    enterRoom(c)
  }

  // MARK: What the first bytes tell

  /// False when the header isn't whole yet, or the connection has been closed.
  private mutating func readProxyHeader(_ c: ConnectionPointer) -> Bool {
    guard gatherFirst(c) else { return false }
    switch ProxyHeader.scan(bytes(c.pointee.client.received.head).span) {
    case .incomplete: return false
    case .malformed:
      refuseBeforeTLS(c, .proxyHeader)
      return false
    case .complete(let header, let length):
      consumed(c, length)
      c.pointee.expectsProxyHeader = false
      // LOCAL: the peer speaks for itself, a health check for example.
      if !header.isLocal {
        if let source = header.source { c.pointee.address = source }
        keepIntroduction(c, header)
      }
      return passesAddress(c)
    }
  }

  /// False when the ClientHello isn't whole yet, or the connection has been closed.
  private mutating func readHello(_ c: ConnectionPointer) -> Bool {
    guard gatherFirst(c) else { return false }
    startHelloDeadline(c)
    guard isRecordWhole(bytes(c.pointee.client.received.head)) else {
      endGreeting(c)
      return false
    }
    var scanner = ClientHelloScanner()
    switch scanner.scan(bytes(c.pointee.client.received.head).span) {
    case .incomplete:
      // Most ClientHellos are whole at once. Nothing is kept for those that drip, be it in whole records.
      endGreeting(c)
      c.pointee.helloScans += 1
      if c.pointee.helloScans > Self.helloScansMax { refuseBeforeTLS(c, .malformedHello) }
      return false
    case .notTLS:
      refuseBeforeTLS(c, .notTLS)
      return false
    case .malformed:
      // OpenSSL tells the client why, with the alert that is due. It may take what we don't, one that is very long: so
      // such a client is expected to cost as much as any.
      c.pointee.handshakeClass =
        c.pointee.listener.certificateKinds.map(admission.budget.costs.dearest) ?? .plain
      return true
    case .complete(let hello):
      c.pointee.handshakeClass = classify(hello, c.pointee.listener)
      return true
    }
  }

  /// The first byte came in time; the rest of the ClientHello has as long as the handshake that it begins.
  private mutating func startHelloDeadline(_ c: ConnectionPointer) {
    guard !c.pointee.hasFirstByte else { return }
    c.pointee.hasFirstByte = true
    timers.set(c.pointee.id.index, at: now + topology.settings.deadlines.handshaking)
  }

  /// False while the first record of a handshake is on its way: looking at it before is in vain, and a client
  /// that drips could make us look often.
  private func isRecordWhole(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard bytes.count >= 5, bytes[0] == 22 else { return true }
    let length = Int(bytes[3]) << 8 | Int(bytes[4])
    return bytes.count >= 5 + min(length, ClientHelloScanner.limit - 5)
  }

  private func classify(_ hello: ClientHello, _ listener: ListenerState) -> HandshakeClass {
    guard let certificates = listener.certificateKinds else { return .plain }
    let keys = listener.contexts[shared.index]?.ticketKeys
    let isTLS13 = hello.offersTLS13
    let resumes =
      isTLS13
      ? hello.pskTickets.contains { isLive($0, keys) } : hello.ticket.map { isLive($0, keys) } ?? false
    let isECDSA = certificates.contains(.ecdsa) && (hello.takesECDSA || !certificates.contains(.rsa))
    return HandshakeClass(isTLS13 ? .tls13 : .tls12, isECDSA ? .ecdsa : .rsa, isResumed: resumes)
  }

  private func isLive(_ ticket: TicketName, _ keys: TicketKeys?) -> Bool {
    let name = (ticket.high.bigEndian, ticket.low.bigEndian)
    return withUnsafeBytes(of: name) { keys?.knows(ticket: $0) ?? false }
  }

  /// Brings the first bytes into one buffer, as far as it has room. False when there are none.
  private mutating func gatherFirst(_ c: ConnectionPointer) -> Bool {
    guard let first = c.pointee.client.received.removeFirst(in: engine.buffers) else { return false }
    while !c.pointee.client.received.isEmpty {
      let next = c.pointee.client.received.head
      let count = min(engine.buffers.room(first), engine.buffers.count(next))
      guard count > 0 else { break }
      engine.buffers.append(count, of: next, to: first)
      consumed(c, count)
    }
    c.pointee.client.received.prepend(first, in: &engine.buffers)
    return true
  }

  // MARK: The room

  private mutating func enterRoom(_ c: ConnectionPointer) {
    let patience = topology.settings.waitingRoom.patience
    c.pointee.handshakeDue = now + topology.handshakePatience
    let (newcomer, isPaid) = (c.pointee.newcomer, c.pointee.isToBeTold)
    // The room counts it now.
    c.pointee.newcomer = .unknown
    endGreeting(c)
    let entrance = admission.enter(
      c.pointee.id, listener: c.pointee.listener.number, c.pointee.handshakeClass, as: newcomer,
      patience: patience, now: now)
    switch entrance {
    case .waiting:
      // The room sees to the patience; the timer only makes it look.
      timers.set(c.pointee.id.index, at: now + patience + .seconds(1))
      stashFirst(c)
      closeIfAbandoned(c)
    case .refused(let reason): refuseByLimit(c, AdmissionSnapshot.Refusal(reason), isPaid: isPaid)
    }
  }

  /// Lets in whose turn it is. Called once a turn, when live connections have been served.
  mutating func runAdmission() {
    defer { if !leaving.isEmpty { dismissLeaving() } }
    nextAdmission = nil
    for _ in 0..<Self.admissionsPerTurn {
      admission.foresee(queued: handshakes.count, now: now)
      // `nextLook` doesn't let a turn wait then.
      guard handshakes.count < Self.handshakesReady else { return }
      switch admission.next(now: now) {
      case .admit(let admitted): admit(admitted)
      case .refuse(let slot, let reason):
        if let c = connections.pointer(slot) { refuseByLimit(c, AdmissionSnapshot.Refusal(reason)) }
        continueClosing(slot)
      case .wait(let time):
        nextAdmission = time
        return
      case .idle: return
      }
    }
    nextAdmission = now
  }

  /// Those whose clients have sent their last byte, and that weren't let in at once.
  private mutating func dismissLeaving() {
    for slot in leaving {
      guard admission.contains(slot), let c = connections.pointer(slot) else { continue }
      close(c, by: .client, .truncated, .now)
      continueClosing(slot)
    }
    leaving.removeAll(keepingCapacity: true)
  }

  private mutating func admit(_ admitted: Admission) {
    guard let c = connections.pointer(admitted.slot), c.pointee.phase == .waiting else { return }
    c.pointee.reservation = admitted.reservation
    c.pointee.foreseen = admitted.foreseen
    proceed(c)
    continueClosing(admitted.slot)
  }

  /// Goes on behind the room.
  mutating func proceed(_ c: ConnectionPointer) {
    guard unstash(c) else { return close(c, by: .proxy, .exhausted, .now) }
    if c.pointee.isTLS { return startHandshaking(c) }
    settle(c, as: .plain)
    guard c.pointee.listener.settings.mode == .tcp else { return startUpgrading(c) }
    c.pointee.exchange = .stream
    startConnecting(c, to: c.pointee.listener.defaultPool)
  }

  // MARK: Giving back

  /// Settles what was set aside for the handshake. Once, however it ended.
  mutating func settle(_ c: ConnectionPointer, as actual: HandshakeClass?) {
    guard let reservation = c.pointee.reservation else { return }
    c.pointee.reservation = nil
    admission.budget.settle(
      reservation, measuredAs: actual, nanoseconds: c.pointee.handshakeNanoseconds, now: now)
  }

  /// What a connection that closes has of the room, the budgets and the held.
  mutating func leaveAdmission(_ c: ConnectionPointer) {
    switch c.pointee.phase {
    case .accepting: endGreeting(c)
    case .waiting:
      endGreeting(c)
      admission.leave(c.pointee.id)
    case .handshaking:
      settle(c, as: nil)
      // What was set aside goes back where the handshake hasn't begun.
      if c.pointee.session == nil { endGreeting(c) } else { endWords(c) }
    case .holding: _ = held.leave(c.pointee.id)
    case .upgrading: endWords(c)
    case .connecting, .relaying, .closing: break
    }
  }

  /// What a connection that is gone has of the limits.
  mutating func leaveLimits(_ c: ConnectionPointer) {
    if let pass = c.pointee.addressPass { shared.process.addresses.leave(pass) }
    c.pointee.addressPass = nil
    c.pointee.listener.live.leave()
    shared.process.live.leave()
  }
}
