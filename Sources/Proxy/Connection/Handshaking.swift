internal import Basics
internal import Policy
internal import Settings
internal import TLS
internal import Telemetry

/// Phase 3: TLS, from a queue within the turn's budget, so that live connections go first.
extension Worker where Engine: ~Copyable {
  /// A turn begins no other step of a handshake after this when something has come meanwhile: full ones take longer,
  /// so it is one of them or a few cheap ones, and live connections wait for no more.
  static var handshakeBudget: Duration { .microseconds(35) }
  /// And after this whatever happens: what has been answered is to be sent.
  static var handshakeBudgetAlone: Duration { .microseconds(250) }

  mutating func startHandshaking(_ c: ConnectionPointer) {
    enter(c, .handshaking, for: topology.settings.deadlines.handshaking)
    queueHandshake(c, now)
  }

  mutating func queueHandshake(_ c: ConnectionPointer, _ now: MonotonicTime) {
    guard !c.pointee.isQueued, !c.pointee.client.received.isEmpty else { return }
    c.pointee.isQueued = true
    c.pointee.queuedAt = now
    if c.pointee.session != nil {
      begunHandshakes.append(c.pointee.id)
    } else if c.pointee.isRefused {
      refusedHandshakes.append(c.pointee.id)
    } else {
      handshakes.append(c.pointee.id)
    }
  }

  mutating func runHandshakes() {
    guard handshakesQueued > 0 else { return }
    // What live connections are to be sent, or have for us, doesn't wait for a handshake.
    if relayed > 0 { engine.submit() }
    var clock = engine.readClock()
    var work = engine.readWorkClock()
    let end = clock + Self.handshakeBudget
    let endAlone = clock + Self.handshakeBudgetAlone
    repeat {
      guard let id = takeHandshake(clock) else { return }
      guard let c = connections.pointer(id), c.pointee.isQueued else { continue }
      c.pointee.isQueued = false
      c.pointee.queuedNanoseconds += clock.nanoseconds &- c.pointee.queuedAt.nanoseconds
      guard c.pointee.phase == .handshaking else { continue }
      guard !refuseIfLate(c, clock) else {
        clock = engine.readClock()
        continue
      }
      if prepareHandshake(c) {
        charge(c, &work, since: &clock)
        queueHandshake(c, clock)
        continue
      }
      let step = continueHandshake(c)
      charge(c, &work, since: &clock)
      handshakeStepped(c, step)
      updateReceiving(c, .client)
      continueClosing(id)
    } while clock < end || clock < endAlone && !engine.hasArrivals
  }

  /// Charges a step with the CPU that it has had; the rest of its time it has waited for it.
  private mutating func charge(_ c: ConnectionPointer, _ work: inout UInt64, since clock: inout MonotonicTime)
  {
    let (worked, after) = (engine.readWorkClock(), engine.readClock())
    let cost = worked &- work
    let whole = after.nanoseconds - clock.nanoseconds
    c.pointee.handshakeNanoseconds += cost
    c.pointee.queuedNanoseconds += whole > cost ? whole - cost : 0
    counters.add(.handshakeNanoseconds, cost)
    (work, clock) = (worked, after)
  }

  /// The next whose turn it is, at this time; nil when there is nobody. One that has begun is brought to its end
  /// first: little is left to do, and behind a long queue what was done would be in vain. Those that are only to
  /// hear a refusal come last.
  private mutating func takeHandshake(_ clock: MonotonicTime) -> SlotID? {
    if let id = begunHandshakes.removeFirst() { return id }
    defer { if handshakes.isEmpty { admission.handshakeDelay.ranEmpty() } }
    guard let id = handshakes.removeFirst() else { return refusedHandshakes.removeFirst() }
    admission.handshakeDelay.served(now: clock)
    return id
  }

  /// Does the first half of a new handshake's work, which live connections don't have to wait for together with
  /// the second.
  /// - Returns: false when there is none.
  private mutating func prepareHandshake(_ c: ConnectionPointer) -> Bool {
    guard c.pointee.session == nil, let context = c.pointee.listener.contexts[shared.index],
      let session = TLSSession(context: context)
    else { return false }
    c.pointee.session = consume session
    let source = c.pointee.client.received.head
    return c.pointee.session!.prepare(input: UnsafeRawBufferPointer(engine.buffers.bytes(source)))
  }

  /// Feeds the session what has been received, and queues what it answers.
  private mutating func continueHandshake(_ c: ConnectionPointer) -> HandshakeProgress.Step? {
    guard c.pointee.session != nil else { return .failed(.internalError) }
    while true {
      guard let target = engine.buffers.take() else {
        starve(c)
        return nil
      }
      let source = c.pointee.client.received.head
      let input = source.isNone ? nil : UnsafeRawBufferPointer(engine.buffers.bytes(source))
      let room = UnsafeMutableRawBufferPointer(start: engine.buffers.base(target), count: BufferPool.stride)
      let outcome = c.pointee.session!.handshake(
        input: input ?? UnsafeRawBufferPointer(start: nil, count: 0), output: room)
      consumed(c, outcome.consumed)
      produced(c, target, outcome.produced)
      switch outcome.step {
      case .wantsRoom: continue
      case .wantsInput where !c.pointee.client.received.isEmpty: continue
      case .wantsInput, .done, .failed: return outcome.step
      }
    }
  }

  /// Drops what has been read off the received bytes.
  mutating func consumed(_ c: ConnectionPointer, _ count: Int) {
    guard !c.pointee.client.received.isEmpty else { return }
    c.pointee.client.received.consumeFirst(count, in: &engine.buffers)
    if engine.buffers.count(c.pointee.client.received.head) == 0,
      let empty = c.pointee.client.received.removeFirst(in: engine.buffers)
    {
      engine.buffers.give(empty)
    }
  }

  /// Queues what was written at a buffer's base for the client.
  mutating func produced(_ c: ConnectionPointer, _ buffer: BufferID, _ count: Int) {
    guard count > 0 else { return engine.buffers.give(buffer) }
    engine.buffers.setPayload(buffer, start: 0, count: count)
    c.pointee.client.toSend.append(buffer, in: &engine.buffers)
  }

  private mutating func handshakeStepped(_ c: ConnectionPointer, _ step: HandshakeProgress.Step?) {
    switch step {
    case nil, .wantsRoom:
      flush(c, .client)
    case .wantsInput:
      flush(c, .client)
      closeIfAbandoned(c)
    case .failed:
      handshakeFailed(c)
    case .done:
      handshakeDone(c)
      if !isAnswerNear(c) { flush(c, .client) }
    }
  }

  /// True exactly when the tickets may wait for the backend's answer, and travel with it: the request has come
  /// with the end of the handshake. In TLS 1.2 the client waits for what is queued.
  private func isAnswerNear(_ c: ConnectionPointer) -> Bool {
    c.pointee.phase == .connecting && c.pointee.exchange == .webSocket && c.pointee.tlsVersion == .tls13
  }

  /// Where the time went since the ClientHello was admitted.
  private mutating func recordTimes(_ c: ConnectionPointer, _ resumed: Bool) {
    let whole = now.nanoseconds &- c.pointee.phaseEnteredAt.nanoseconds
    let (queue, cpu) = (c.pointee.queuedNanoseconds, c.pointee.handshakeNanoseconds)
    let split = resumed ? shared.handshakeTimes.resumed : shared.handshakeTimes.full
    split.record(queue: queue, cpu: cpu, network: whole > queue + cpu ? whole - queue - cpu : 0)
    // Those that are refused come last, so that their wait says nothing of the others'.
    guard !c.pointee.isRefused else { return }
    admission.handshakeDelay.learn(
      waited: .nanoseconds(Int64(clamping: queue &+ cpu)), foreseen: c.pointee.foreseen, now: now)
  }

  /// The class as it turned out: a ticket of ours may have lapsed.
  private func actualClass(_ c: ConnectionPointer) -> HandshakeClass {
    let isTLS13 = c.pointee.tlsVersion == .tls13
    let isRSA = c.pointee.handshakeClass == .tls12RSA || c.pointee.handshakeClass == .tls13RSA
    return HandshakeClass(isTLS13 ? .tls13 : .tls12, isRSA ? .rsa : .ecdsa, isResumed: c.pointee.tlsResumed)
  }

  /// Goes on without the session, where our record layer can take over.
  private mutating func handOver(_ c: ConnectionPointer) {
    guard let records = c.pointee.session?.handOver() else { return }
    c.pointee.records = consume records
    c.pointee.session = nil
  }

  private mutating func handshakeFailed(_ c: ConnectionPointer) {
    counters.add(.handshakesFailed)
    c.pointee.listenerCounters.add(.handshakesFailed)
    // The alert is queued already, and tells the client why.
    close(c, by: .client, .malformed, .orderly)
  }

  private mutating func handshakeDone(_ c: ConnectionPointer) {
    let resumed = c.pointee.session?.isResumed ?? false
    recordTimes(c, resumed)
    c.pointee.tlsResumed = resumed
    c.pointee.tlsVersion = c.pointee.session?.version == .tls13 ? .tls13 : .tls12
    counters.add(resumed ? .handshakesResumed : .handshakesFull)
    counters.add(.connectionsTLSLive)
    settle(c, as: actualClass(c))
    keepTLS(c)
    handOver(c)
    c.pointee.listenerCounters.add(resumed ? .handshakesResumed : .handshakesFull)
    if c.pointee.listener.settings.mode == .tcp {
      c.pointee.exchange = .stream
      startConnecting(c, to: c.pointee.listener.defaultPool)
    } else {
      startUpgrading(c)
    }
  }
}
