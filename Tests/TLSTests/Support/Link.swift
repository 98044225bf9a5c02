import Testing

@testable import TLS

/// A session and the bytes under way to it: what a connection's buffers are in the proxy.
final class Link {
  enum End: Equatable { case established, waiting, failed(TLSFailure) }

  var session: TLSSession
  /// Sent by the client, not consumed yet.
  var pending: [UInt8] = []
  private let room: UnsafeMutableRawBufferPointer
  /// Calls of `handshake` so far.
  private(set) var calls = 0

  /// - Parameter room: bytes of output room for each call.
  init(_ context: TLSContext, room: Int = 32768) {
    session = TLSSession(context: context)!
    self.room = .allocate(byteCount: room, alignment: 16)
  }

  deinit { room.deallocate() }

  func handOver() -> RecordLayer? { session.handOver() }

  var isResumed: Bool { session.isResumed }
  /// True exactly when the handshake was answered by our own code.
  var isOwn: Bool { session.isOwn }

  /// Lets both sides talk until neither has anything to say.
  /// - Parameter part: how many bytes at most to hand over next; asked anew each time.
  func handshake(with client: TestClient, part: () -> Int = { .max }) -> (End, client: TestClient.Step) {
    var end = End.waiting
    var clientStep = TestClient.Step.waits
    while true {
      if clientStep == .waits { clientStep = client.handshake() }
      pending += client.takeOutput()
      guard end == .waiting, !pending.isEmpty else { return (end, clientStep) }
      while end == .waiting, !pending.isEmpty { end = handshakeOnce(client, part()) }
      if end != .waiting { clientStep = client.handshake() }
    }
  }

  /// One call, repeated only while it lacks room.
  func handshakeOnce(_ client: TestClient, _ part: Int) -> End {
    var offered = min(part, pending.count)
    // As the worker does it.
    if calls == 0 {
      _ = pending.withUnsafeBytes { session.prepare(input: UnsafeRawBufferPointer(rebasing: $0[..<offered])) }
    }
    while true {
      calls += 1
      let progress = pending.withUnsafeBytes {
        session.handshake(input: UnsafeRawBufferPointer(rebasing: $0[..<offered]), output: room)
      }
      client.receive(room[..<progress.produced])
      pending.removeFirst(progress.consumed)
      offered -= progress.consumed
      switch progress.step {
      case .done: return .established
      case .failed(let failure): return .failed(failure)
      case .wantsInput:
        precondition(offered == 0, "input left although more is wanted")
        return .waiting
      case .wantsRoom: precondition(progress.produced == room.count || progress.produced > 0)
      }
    }
  }

  /// Everything that the pending bytes have to say, and how it ended.
  func read(for client: TestClient, into count: Int = 65536) -> (bytes: [UInt8], ReadProgress.Status) {
    pending += client.takeOutput()
    var bytes: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
    defer { buffer.deallocate() }
    while true {
      let progress = pending.withUnsafeBytes { session.read(input: $0, into: buffer, output: room) }
      pending.removeFirst(progress.consumed)
      bytes += buffer[..<progress.read]
      client.receive(room[..<progress.produced])
      if progress.status == .data { continue }
      return (bytes, progress.status)
    }
  }

  /// Writes all of it to the client.
  func write(_ bytes: [UInt8], to client: TestClient) {
    var start = 0
    while start < bytes.count {
      let progress = bytes.withUnsafeBytes {
        session.write(UnsafeRawBufferPointer(rebasing: $0[start...]), output: room)
      }
      client.receive(room[..<progress.produced])
      start += progress.written
      precondition(progress.written > 0, "nothing written: \(progress)")
    }
  }

  func closeNotify(to client: TestClient) {
    let produced = session.closeNotify(output: room)
    client.receive(room[..<produced])
  }
}

/// A context with the given certificates, in a library of its own.
func makeContext(
  _ certificates: [TestCertificate] = [.localhost], ticketKeys: TicketKeys? = nil, aes: AESGCM = AESGCM(),
  _ adjust: (inout TLSConfiguration) -> Void = { _ in }
) throws -> TLSContext {
  var configuration = TLSConfiguration(certificates: certificates.map(\.source))
  adjust(&configuration)
  return try TLSContext(configuration, library: TLSLibrary(aes: aes), ticketKeys: ticketKeys)
}

/// Connects, and gives what the client could resume later.
func connect(
  _ context: TLSContext, _ version: Int32, _ session: TestClient.Session? = nil,
  _ certificate: TestCertificate? = nil
) -> (isResumed: Bool, session: TestClient.Session?) {
  let client = TestClient(.init(version: version, session: session, certificate: certificate))
  let link = Link(context)
  #expect(link.handshake(with: client) == (.established, .done))
  // The tickets of TLS 1.3 come behind the handshake.
  link.write([1], to: client)
  #expect(client.read().bytes == [1])
  client.write([2])
  #expect(link.read(for: client).bytes == [2])
  #expect(link.isResumed == client.isResumed)
  // A client forgets the session of a connection that didn't end in order.
  client.closeNotify()
  return (link.isResumed, client.session)
}
