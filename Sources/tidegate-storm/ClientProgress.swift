import Basics
import Glibc

/// What happens to a client when its socket has something to say.
extension Client {
  func ready(ended: Bool, now: MonotonicTime) {
    if phase == .connecting { connected(now: now) }
    if phase == .handshaking { shakeHands(now: now) }
    if phase == .idle || phase == .connecting || phase == .handshaking { return }
    flush(now: now)
    readAll(ended: ended, now: now)
  }

  private func connected(now: MonotonicTime) {
    guard let stream else { return }
    let code = StreamSocket.connectError(stream.descriptor)
    switch code {
    case 0:
      phase = .handshaking
      let target = loop.target
      if let tls = target.tls {
        stream.secure(tls, serverName: target.serverName, box: box, resume: resume)
      }
    case ECONNRESET: end(.reset, now: now)
    default: end(.unreachable(SocketError(code: code).description), now: now)
    }
  }

  private func shakeHands(now: MonotonicTime) {
    guard let stream else { return }
    switch stream.handshake() {
    case .bytes:
      phase = .upgrading
      key = Upgrade.key(loop.generator.next(), loop.generator.next())
      output = Upgrade.request(host: loop.target.serverName, path: loop.target.path, key: key)
    case .blocked: break
    case .reset: end(.reset, now: now)
    case .finished, .closeNotify: end(.finished, now: now)
    case .failed(let text): end(.failed(text), now: now)
    }
  }

  private func readAll(ended: Bool, now: MonotonicTime) {
    let attempt = attempt
    while let stream, self.attempt == attempt {
      switch stream.read(into: loop.scratch) {
      case .bytes(let count):
        take(UnsafeRawBufferPointer(rebasing: loop.scratch[..<count]), now: now)
        if !stream.isTLS, count < loop.scratch.count, !ended { return }
      case .blocked: return
      case .closeNotify: loop.set(.goodbye, for: self, due: now + Self.courtesyAfterCloseNotify)
      case .finished(let orderly): return finished(orderly: orderly, now: now)
      case .reset: return end(ending.map(afterReset) ?? .reset, now: now)
      case .failed(let text): return end(.failed(text), now: now)
      }
    }
  }

  /// A reset in answer to our goodbye takes nothing back that the peer has said. Where we wanted an orderly end,
  /// it is one only after the peer's close_notify (RFC 8446 section 6.1: it need not wait for ours).
  private func afterReset(_ ending: Ending) -> Ending {
    if case .closed = ending, stream?.closeNotifySeen != true { return .reset }
    return ending
  }

  private func finished(orderly: Bool, now: MonotonicTime) {
    if phase == .lingering { sayGoodbye() }
    switch (phase, ending) {
    case (.lingering, .closed): end(.closed(truncated: !orderly), now: now)
    case (.lingering, let ending?): end(ending, now: now)
    // A closing handshake that the peer cut short.
    case (.closing, _): end(.failed("FIN before the close frame"), now: now)
    default: end(.finished, now: now)
    }
  }

  private func take(_ bytes: UnsafeRawBufferPointer, now: MonotonicTime) {
    if phase == .lingering { return }
    if input.isEmpty {
      let used = consume(bytes, now: now)
      if phase != .idle, used < bytes.count { input.append(contentsOf: bytes[used...]) }
      return
    }
    input.append(contentsOf: bytes)
    // Taken out meanwhile: the load may drop the client while it is told of a message.
    var taken = input
    input = []
    let used = taken.withUnsafeBytes { consume($0, now: now) }
    guard phase != .idle, used < taken.count else { return }
    taken.removeFirst(used)
    input = taken
  }

  /// How many bytes were used up.
  private func consume(_ bytes: UnsafeRawBufferPointer, now: MonotonicTime) -> Int {
    var used = 0
    let attempt = attempt
    if phase == .upgrading {
      guard let head = Head(bytes) else { return 0 }
      used = head.size
      answer(head, now: now)
    }
    while phase == .open || phase == .closing, self.attempt == attempt {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
      guard case .header(let header) = Frames.scan(rest) else {
        if case .invalid = Frames.scan(rest) { end(.failed("an invalid frame"), now: now) }
        break
      }
      guard rest.count >= header.headerSize + header.payloadSize else { break }
      used += header.headerSize + header.payloadSize
      let payload = rest[header.headerSize..<(header.headerSize + header.payloadSize)]
      frame(header, UnsafeRawBufferPointer(rebasing: payload), now: now)
    }
    return used
  }

  private func answer(_ head: Head, now: MonotonicTime) {
    guard head.status == 101 else {
      let retryAfter = head["retry-after"].flatMap { Double($0) }
      linger(.answered(status: head.status, retryAfter: retryAfter), now: now)
      // A connection that the server would keep: it is ours to close.
      if head["connection"]?.lowercased() != "close" { sayGoodbye() }
      return
    }
    guard let accept = head["sec-websocket-accept"], accept == Upgrade.accept(key) else {
      return end(.failed("a wrong Sec-WebSocket-Accept"), now: now)
    }
    phase = .open
    loop.delegate?.opened(self, now: now)
  }

  private func frame(_ header: Frames.Header, _ payload: UnsafeRawBufferPointer, now: MonotonicTime) {
    switch header.opcode {
    case Frames.Opcode.ping: sendFrame(Frames.Opcode.pong, payload, now: now)
    case Frames.Opcode.pong: break
    case Frames.Opcode.close: closeFrame(payload, now: now)
    default: message(header, payload, now: now)
    }
  }

  private func closeFrame(_ payload: UnsafeRawBufferPointer, now: MonotonicTime) {
    if phase == .closing, let ending { return linger(ending, now: now) }
    sendFrame(Frames.Opcode.close, UnsafeRawBufferPointer(rebasing: payload.prefix(2)), now: now)
    linger(.closeCode(Frames.closeCode(payload)), now: now)
  }

  private func message(_ header: Frames.Header, _ payload: UnsafeRawBufferPointer, now: MonotonicTime) {
    guard phase == .open else { return }
    if header.isFinal, fragments.isEmpty {
      loop.delegate?.received(payload, by: self, now: now)
      return
    }
    fragments.append(contentsOf: payload)
    guard header.isFinal else { return }
    let whole = fragments
    fragments = []
    whole.withUnsafeBytes { loop.delegate?.received($0, by: self, now: now) }
  }
}
