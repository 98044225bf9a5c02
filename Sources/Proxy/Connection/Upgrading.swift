internal import Basics
internal import Settings
internal import Telemetry
internal import Wire

/// Phase 4: the request's head is collected, checked, routed, and written anew for the backend.
extension Worker where Engine: ~Copyable {
  mutating func startUpgrading(_ c: ConnectionPointer) {
    enter(c, .upgrading, for: topology.settings.deadlines.upgrading)
    c.pointee.scanner = HeadScanner(limit: topology.settings.limits.head.bytes)
    continueUpgrading(c)
  }

  mutating func continueUpgrading(_ c: ConnectionPointer) {
    while c.pointee.phase == .upgrading {
      guard collectHead(c) else { return closeIfAbandoned(c) }
      let scan = c.pointee.scanner.scan(bytes(c.pointee.head).span)
      switch scan {
      case .incomplete where engine.buffers.room(c.pointee.head) == 0:
        refuse(c, .headTooLarge, .malformed, by: .client)
      case .incomplete: continue
      case .malformed(.startLine) where skipEmptyLine(c): continue
      case .tooLong(let error), .malformed(let error): headRefused(c, error)
      case .complete(let length): headComplete(c, length)
      }
    }
  }

  /// Adds the client's next plain bytes to the head. False when there are none.
  private mutating func collectHead(_ c: ConnectionPointer) -> Bool {
    var buffer = BufferID.none
    guard case .bytes = nextPlain(c, &buffer) else { return false }
    let head = c.pointee.head
    guard !head.isNone else {
      c.pointee.head = buffer
      return true
    }
    let count = min(engine.buffers.room(head), engine.buffers.count(buffer))
    engine.buffers.append(count, of: buffer, to: head)
    c.pointee.plain.prepend(buffer, in: &engine.buffers)
    dropPlain(c, count)
    return true
  }

  /// Drops the first plain bytes; they are in the head now.
  private mutating func dropPlain(_ c: ConnectionPointer, _ count: Int) {
    c.pointee.plain.consumeFirst(count, in: &engine.buffers)
    guard engine.buffers.count(c.pointee.plain.head) == 0 else { return }
    if let empty = c.pointee.plain.removeFirst(in: engine.buffers) { engine.buffers.give(empty) }
  }

  /// One empty line ahead of a request is no fault (RFC 9112 section 2.2). False when there is none, or it is
  /// the second.
  private mutating func skipEmptyLine(_ c: ConnectionPointer) -> Bool {
    let head = c.pointee.head
    guard !c.pointee.hasSkippedLine, bytes(head).starts(with: [13, 10]) else { return false }
    c.pointee.hasSkippedLine = true
    c.pointee.scanner = HeadScanner(limit: topology.settings.limits.head.bytes)
    keepRest(c, after: 2)
    return true
  }

  private mutating func headRefused(_ c: ConnectionPointer, _ error: HeadError) {
    c.pointee.listenerCounters.add(.requestsMalformed)
    refuse(c, Refusal(error), .malformed, by: .client)
  }

  private mutating func headComplete(_ c: ConnectionPointer, _ length: Int) {
    let limits = topology.settings.limits
    let head = UnsafeBufferPointer(rebasing: bytes(c.pointee.head)[..<length])
    let parsed = RequestHead.parse(
      head.span, limits: HeadLimits(bytes: limits.head.bytes, fields: limits.headers))
    switch parsed {
    case .failure(let error): headRefused(c, error)
    case .success(let request): requestKnown(c, request, head)
    }
  }

  private mutating func requestKnown(
    _ c: ConnectionPointer, _ request: RequestHead, _ head: UnsafeBufferPointer<UInt8>
  ) {
    counters.add(.requests)
    c.pointee.listenerCounters.add(.requests)
    let listener = c.pointee.listener
    guard !c.pointee.isRefused else { return refuseReadably(c, request, head) }
    guard request.isUpgrade || listener.settings.plainHTTP == .pass else {
      return refuse(c, .upgradeRequired, .refused, by: .proxy)
    }
    guard let pool = listener.route(host: request.host, path: request.path, in: head.span) else {
      return refuse(c, .notFound, .refused, by: .proxy)
    }
    c.pointee.exchange = request.isUpgrade ? .webSocket : .request
    c.pointee.isHeadRequest = request.method == .head
    c.pointee.requestBody = BodyFramer(request.body)
    guard forwardHead(c, request, head, pool) else {
      return refuse(c, .serviceUnavailable, .exhausted, by: .proxy)
    }
    startConnecting(c, to: pool)
  }

  /// Queues the head for the backend and keeps what follows it.
  private mutating func forwardHead(
    _ c: ConnectionPointer, _ request: RequestHead, _ head: UnsafeBufferPointer<UInt8>, _ pool: PoolState
  ) -> Bool {
    var forwarding: Forwarding?
    if pool.settings.forwardedHeaders {
      forwarding = Forwarding(client: c.pointee.address?.ipAddress, isSecure: c.pointee.isTLS)
    }
    scratch.removeAll(keepingCapacity: true)
    if request.isUpgrade {
      request.writeUpgrade(to: &scratch, head: head.span, forwarding: forwarding)
    } else {
      request.writePlain(to: &scratch, head: head.span, forwarding: forwarding)
    }
    countFromClient(c, head.count)
    keepRest(c, after: head.count)
    let text = scratch
    return text.withUnsafeBytes { append($0, to: .backend, of: c) }
  }

  /// What came behind the head is the client's first plain bytes for the backend.
  mutating func keepRest(_ c: ConnectionPointer, after length: Int) {
    let buffer = c.pointee.head
    c.pointee.head = .none
    let rest = engine.buffers.count(buffer) - length
    guard rest > 0 else { return engine.buffers.give(buffer) }
    engine.buffers.setPayload(buffer, start: engine.buffers.start(buffer) + length, count: rest)
    c.pointee.plain.prepend(buffer, in: &engine.buffers)
  }

  /// A buffer's payload, typed.
  func bytes(_ buffer: BufferID) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(engine.buffers.bytes(buffer).assumingMemoryBound(to: UInt8.self))
  }
}
