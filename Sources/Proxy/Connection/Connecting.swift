internal import Basics
internal import Settings
internal import Telemetry
internal import Wire

/// Phase 5: a backend is chosen and connected, gets the head, and its answer is awaited.
extension Worker where Engine: ~Copyable {
  mutating func startConnecting(_ c: ConnectionPointer, to pool: PoolState?) {
    c.pointee.pool = pool
    enter(c, .connecting, for: topology.settings.deadlines.connecting)
    guard introduce(c) else { return refuse(c, .serviceUnavailable, .exhausted, by: .proxy) }
    tryBackend(c)
  }

  private mutating func tryBackend(_ c: ConnectionPointer) {
    guard let pool = c.pointee.pool, Int(c.pointee.attempts) < pool.settings.retry.attempts,
      let (backend, place) = pool.choose(avoiding: c.pointee.triedBackends, using: &random)
    else { return refuse(c, .serviceUnavailable, .unreachable, by: .backend) }
    let isFollowed = isFollowedBySend(c)
    let socket = engine.connect(
      to: backend.settings.address, beside: c.pointee.client.socket, isFollowed: isFollowed,
      token(.backendConnect, c))
    guard let socket else {
      counters.add(.descriptorsExhausted)
      backend.leave()
      return refuse(c, .serviceUnavailable, .exhausted, by: .proxy)
    }
    if place < 64 { c.pointee.triedBackends |= 1 << UInt64(place) }
    c.pointee.attempts += 1
    if c.pointee.attempts > 1 { backend.counters[shared.index].add(.retries) }
    c.pointee.chosen = backend
    c.pointee.backend.socket = socket
    c.pointee.backend.connectInFlight = true
    c.pointee.backend.inFlight += 1
    if isFollowed { startSend(c, .backend) }
    timers.set(c.pointee.id.index, at: now + topology.settings.deadlines.connecting)
  }

  /// Whether what there is to be sent goes out with the connect. A stream's header goes along with what the client
  /// sends meanwhile. What may not find room in the socket at once is sent on its own: until it was over, nobody would
  /// know that the backend is connected, nor read what it answers already.
  private func isFollowedBySend(_ c: ConnectionPointer) -> Bool {
    let count = c.pointee.backend.toSend.byteCount
    return c.pointee.exchange != .stream && !c.pointee.isIntroductionDue && count > 0
      && count <= Self.quietBytes
  }

  mutating func connected(_ c: ConnectionPointer, _ result: Int32) {
    c.pointee.backend.inFlight -= 1
    c.pointee.backend.connectInFlight = false
    // What was to follow is still to be sent, to another backend.
    if result < 0 && c.pointee.backend.isSending { sendIsOver(c, .backend) }
    guard c.pointee.phase == .connecting, !c.pointee.backend.isLeaving else { return }
    guard result >= 0, let backend = c.pointee.chosen else { return connectFailed(c) }
    c.pointee.backend.sendingSince = turnNumber
    if c.pointee.backend.isSending, case .ip = backend.settings.address {
      engine.acknowledgePromptly(on: c.pointee.backend.socket)
    }
    backend.counters[shared.index].add(.connections)
    // The head and what came with it were counted before it was known for whom they are.
    backend.counters[shared.index].add(.bytesToBackend, c.pointee.bytesFromClient)
    c.pointee.isAnswerAwaited = true
    // What the client has sent already goes along with a PROXY header.
    if c.pointee.exchange == .stream { return startRelaying(c) }
    flush(c, .backend)
    let deadlines = topology.settings.deadlines
    // An upgrade is answered at once; the response to a request may take as long as its body.
    timers.set(
      c.pointee.id.index, at: now + (c.pointee.exchange == .webSocket ? deadlines.connecting : deadlines.idle)
    )
    updateReceiving(c, .backend)
    clientHasBytes(c)
  }

  /// The backend was connected, and the send that followed has this result, but the deadline had passed. Where some of it
  /// has left there is no other try, as ever; else all of it is still to be sent.
  mutating func connectedTooLate(_ c: ConnectionPointer, _ result: Int32) {
    sendIsOver(c, .backend)
    if result > 0 { answerFailed(c, .gatewayTimeout, .deadline) }
  }

  /// Leaves this backend for another one. The failed socket is closed first.
  mutating func connectFailed(_ c: ConnectionPointer) {
    c.pointee.chosen?.counters[shared.index].add(.connectFailures)
    c.pointee.backend.isLeaving = true
  }

  /// The failed backend's socket is gone.
  mutating func connectAgain(_ c: ConnectionPointer) {
    // What was to be sent is still to be sent; everything else of the leg begins anew.
    let unsent = c.pointee.backend.toSend
    c.pointee.backend = Leg()
    c.pointee.backend.toSend = unsent
    leaveBackend(c)
    tryBackend(c)
  }

  mutating func leaveBackend(_ c: ConnectionPointer) {
    c.pointee.chosen?.leave()
    c.pointee.chosen = nil
  }

  /// The backend's socket broke before its answer was there.
  mutating func backendFailed(_ c: ConnectionPointer) {
    guard !c.pointee.backend.isLeaving else { return }
    guard c.pointee.isAnswerAwaited else { return connectFailed(c) }
    answerFailed(c, .badGateway, .reset)
  }

  mutating func answerFailed(_ c: ConnectionPointer, _ refusal: Refusal, _ cause: EndCause) {
    c.pointee.chosen?.counters[shared.index].add(.responseFailures)
    refuse(c, refusal, cause, by: .backend)
  }

  // MARK: The answer

  mutating func continueConnecting(_ c: ConnectionPointer) {
    guard c.pointee.isAnswerAwaited, !c.pointee.backend.isLeaving else { return }
    while c.pointee.phase == .connecting, collectAnswer(c) {
      continueAnswer(c)
    }
    if c.pointee.phase == .connecting && c.pointee.backend.peerFinished {
      answerFailed(c, .badGateway, .truncated)
    }
  }

  private mutating func collectAnswer(_ c: ConnectionPointer) -> Bool {
    let source = c.pointee.backend.received.head
    guard !source.isNone else { return false }
    guard !c.pointee.head.isNone else {
      c.pointee.scanner = HeadScanner(limit: topology.settings.limits.head.bytes)
      c.pointee.head = source
      _ = c.pointee.backend.received.removeFirst(in: engine.buffers)
      return true
    }
    let head = c.pointee.head
    let count = min(engine.buffers.room(head), engine.buffers.count(source))
    guard count > 0 else {
      answerFailed(c, .badGateway, .malformed)
      return false
    }
    engine.buffers.append(count, of: source, to: head)
    c.pointee.backend.received.consumeFirst(count, in: &engine.buffers)
    if engine.buffers.count(source) == 0 {
      _ = c.pointee.backend.received.removeFirst(in: engine.buffers)
      engine.buffers.give(source)
    }
    return true
  }

  private mutating func continueAnswer(_ c: ConnectionPointer) {
    switch c.pointee.scanner.scan(bytes(c.pointee.head).span) {
    case .incomplete: break
    case .tooLong, .malformed: answerFailed(c, .badGateway, .malformed)
    case .complete(let length): answerComplete(c, length)
    }
  }

  private mutating func answerComplete(_ c: ConnectionPointer, _ length: Int) {
    let head = UnsafeBufferPointer(rebasing: bytes(c.pointee.head)[..<length])
    let kind: RequestKind =
      c.pointee.exchange == .webSocket ? .upgrade : c.pointee.isHeadRequest ? .head : .other
    let limits = topology.settings.limits
    let parsed = ResponseHead.parse(
      head.span, to: kind, limits: HeadLimits(bytes: limits.head.bytes, fields: limits.headers))
    guard case .success(let response) = parsed else { return answerFailed(c, .badGateway, .malformed) }
    scratch.removeAll(keepingCapacity: true)
    response.write(to: &scratch, head: head.span)
    let text = scratch
    guard text.withUnsafeBytes({ sealForClient(c, $0) }) else {
      return close(c, by: .proxy, .exhausted, .now)
    }
    if response.isInterim {
      flush(c, .client)
      keepAnswerRest(c, after: length)
    } else {
      answered(c, response, length)
    }
  }

  /// What came behind the answer's head is looked at again as received.
  private mutating func keepAnswerRest(_ c: ConnectionPointer, after length: Int) {
    let buffer = c.pointee.head
    c.pointee.head = .none
    let rest = engine.buffers.count(buffer) - length
    guard rest > 0 else { return engine.buffers.give(buffer) }
    engine.buffers.setPayload(buffer, start: engine.buffers.start(buffer) + length, count: rest)
    c.pointee.backend.received.prepend(buffer, in: &engine.buffers)
  }

  private mutating func answered(_ c: ConnectionPointer, _ response: ResponseHead, _ length: Int) {
    c.pointee.status = UInt16(response.status)
    countResponse(c, response.status)
    if response.isSwitch {
      counters.add(.upgrades)
    } else {
      c.pointee.exchange = .request
      c.pointee.responseBody = BodyFramer(response.body)
      c.pointee.isResponseComplete = c.pointee.responseBody.consume(Span()).state == .done
    }
    keepAnswerRest(c, after: length)
    startRelaying(c)
  }

  private mutating func countResponse(_ c: ConnectionPointer, _ status: Int) {
    let backend = c.pointee.chosen?.counters[shared.index]
    let listener = c.pointee.listenerCounters
    switch status / 100 {
    case 1:
      backend?.add(.responses1xx)
      listener.add(.responses1xx)
    case 2:
      backend?.add(.responses2xx)
      listener.add(.responses2xx)
    case 3:
      backend?.add(.responses3xx)
      listener.add(.responses3xx)
    case 4:
      backend?.add(.responses4xx)
      listener.add(.responses4xx)
    default:
      backend?.add(.responses5xx)
      listener.add(.responses5xx)
    }
  }
}
