import Basics
import Glibc

/// One connection of the echo backend.
final class EchoConnection {
  private enum Phase { case upgrading, delayed, open, closing }

  let descriptor: Int32
  let generation: UInt32
  private unowned let backend: EchoBackend
  private var phase = Phase.upgrading
  private var input: [UInt8] = []
  private var output: [UInt8] = []
  private var outputStart = 0
  private var accept = ""
  /// True exactly when the socket is of no more use and the connection is to be dropped.
  private(set) var isOver = false
  /// True exactly when both close frames went, or a refusal was sent whole.
  private(set) var isClosedInOrder = false

  init(descriptor: Int32, generation: UInt32, backend: EchoBackend) {
    self.descriptor = descriptor
    self.generation = generation
    self.backend = backend
  }

  deinit { close(descriptor) }

  func ready(ended: Bool) {
    flush()
    while !isOver {
      let count = recv(descriptor, backend.scratch.baseAddress, backend.scratch.count, 0)
      if count < 0, errno == EAGAIN || errno == EINTR { break }
      guard count > 0 else {
        isOver = true
        return
      }
      take(UnsafeRawBufferPointer(rebasing: backend.scratch[..<count]))
      flush()
      if count < backend.scratch.count, !ended { break }
    }
  }

  /// Answers the upgrade.
  func answer() {
    guard backend.manner.status == 101 else {
      backend.counts.refused += 1
      let retry = backend.manner.retryAfter.map { "Retry-After: \($0)\r\n" } ?? ""
      output.append(
        contentsOf:
          "HTTP/1.1 \(backend.manner.status) Refused\r\n\(retry)Content-Length: 0\r\nConnection: close\r\n\r\n"
          .utf8)
      phase = .closing
      return
    }
    output.append(
      contentsOf: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n".utf8)
    output.append(contentsOf: "Sec-WebSocket-Accept: \(accept)\r\n\r\n".utf8)
    phase = .open
    backend.countUpgrade(Clock.now())
    let early = input
    input = []
    if !early.isEmpty { early.withUnsafeBytes(take) }
  }

  func flush() {
    while outputStart < output.count {
      let count = output.withUnsafeBytes {
        send(descriptor, $0.baseAddress! + outputStart, $0.count - outputStart, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else {
        if errno != EAGAIN, errno != EINTR { isOver = true }
        return
      }
      outputStart += count
    }
    output.removeAll(keepingCapacity: output.capacity < 1 << 20)
    outputStart = 0
    guard phase == .closing else { return }
    // The server closes first (RFC 6455 section 7.1.1).
    isClosedInOrder = true
    isOver = true
  }

  private func take(_ bytes: UnsafeRawBufferPointer) {
    if input.isEmpty {
      let used = consume(bytes)
      if used < bytes.count { input.append(contentsOf: bytes[used...]) }
      return
    }
    input.append(contentsOf: bytes)
    let taken = input
    input = []
    let used = taken.withUnsafeBytes(consume)
    input.append(contentsOf: taken[used...])
  }

  private func consume(_ bytes: UnsafeRawBufferPointer) -> Int {
    var used = 0
    if phase == .upgrading {
      guard let head = Head(bytes) else { return 0 }
      used = head.size
      request(head)
    }
    while phase == .open {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
      guard case .header(let header) = Frames.scan(rest), let mask = header.mask else {
        if case .incomplete = Frames.scan(rest) { break }
        isOver = true
        break
      }
      let size = header.headerSize + header.payloadSize
      guard rest.count >= size else { break }
      used += size
      frame(header, UnsafeRawBufferPointer(rebasing: rest[header.headerSize..<size]), mask)
    }
    return used
  }

  private func request(_ head: Head) {
    guard let key = head["sec-websocket-key"] else {
      output.append(
        contentsOf: "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
      phase = .closing
      return
    }
    accept = Upgrade.accept(key)
    if backend.manner.delay > .zero {
      phase = .delayed
      backend.delay(self)
    } else {
      answer()
    }
  }

  private func frame(_ header: Frames.Header, _ payload: UnsafeRawBufferPointer, _ mask: UInt32) {
    let opcode = header.opcode == Frames.Opcode.ping ? Frames.Opcode.pong : header.opcode
    if header.opcode == Frames.Opcode.pong { return }
    let start = output.count
    Frames.append(to: &output, opcode: opcode, payload: payload, mask: nil)
    if !header.isFinal { output[start] &= 0x7f }
    let end = output.count
    output.withUnsafeMutableBytes {
      Frames.apply(mask, to: UnsafeMutableRawBufferPointer(rebasing: $0[(end - payload.count)..<end]))
    }
    if header.opcode == Frames.Opcode.close { phase = .closing } else { backend.counts.messages += 1 }
  }
}
