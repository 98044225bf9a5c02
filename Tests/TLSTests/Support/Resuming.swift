import COpenSSL
import Testing

@testable import TLS

/// Suites of TLS 1.2 that we resume, by OpenSSL's names.
let resumedSuites = [
  "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
]

/// OpenSSL's SSL_OP_NO_EXTENDED_MASTER_SECRET, and SSL_OP_NO_TICKET.
let noExtendedMasterSecret: UInt64 = 1 << 0
let noTicket: UInt64 = 1 << 14

/// A session of TLS 1.2 of a full handshake, which OpenSSL makes.
func fullSession(_ context: TLSContext, _ options: TestClient.Options = .init()) throws -> TestClient.Session
{
  var options = options
  options.version = TLS1_2_VERSION
  options.session = nil
  let client = TestClient(options)
  let link = Link(context)
  #expect(link.handshake(with: client) == (.established, .done))
  #expect(!link.isOwn && !link.isResumed)
  client.closeNotify()
  return try #require(client.session)
}

/// How a client that has a session comes to be connected: by our own code or not, resumed or not, and with a new ticket
/// or not.
struct Reconnection: Equatable {
  var isOwn: Bool
  var isResumed: Bool
}

/// Connects with a session, and lets a byte flow each way. Nil when the handshake fails.
func reconnect(
  _ context: TLSContext, _ session: TestClient.Session, _ options: TestClient.Options = .init(),
  part: () -> Int = { .max }
) -> Reconnection? {
  var options = options
  options.session = session
  options.version = options.version ?? TLS1_2_VERSION
  let client = TestClient(options)
  let link = Link(context)
  guard link.handshake(with: client, part: part) == (.established, .done), client.isResumed == link.isResumed
  else {
    return nil
  }
  let found = Reconnection(isOwn: link.isOwn, isResumed: link.isResumed)
  client.write([7])
  if let records = RecordLink(from: link, context) {
    guard records.read(from: client).bytes == [7], let answer = records.seal([8, 9]) else { return nil }
    client.receive(answer)
  } else {
    guard link.read(for: client).bytes == [7] else { return nil }
    link.write([8, 9], to: client)
  }
  guard client.read().bytes == [8, 9] else { return nil }
  client.closeNotify()
  return found
}

/// A resumption that our own code has answered, before the client's second flight, with the means to make any such.
final class BegunResumption {
  let client: TestClient
  let link: Link
  let context: TLSContext
  /// The client's own flight.
  let flight: [UInt8]
  /// Seals with the client's keys.
  let peer: RecordLink

  static let changeCipherSpec: [UInt8] = [20, 3, 3, 0, 1, 1]

  init(_ context: TLSContext, _ options: TestClient.Options = .init()) throws {
    self.context = context
    var options = options
    options.session = try fullSession(context, options)
    options.version = TLS1_2_VERSION
    client = TestClient(options)
    link = Link(context)
    _ = client.handshake()
    link.pending = client.takeOutput()
    try #require(link.handshakeOnce(client, .max) == .waiting && link.isOwn)
    try #require(client.handshake() == .done)
    flight = client.takeOutput()
    let peer = link.session.resumptionPeer(context.library)
    self.peer = try #require(peer)
  }

  /// What the client's Finished is to be.
  var finished: [UInt8] { link.session.expectedFinished }

  /// Hands the bytes over, in parts.
  func send(_ bytes: [UInt8], part: () -> Int = { .max }) -> Link.End {
    link.pending = bytes
    var end = Link.End.waiting
    while end == .waiting, !link.pending.isEmpty { end = link.handshakeOnce(client, part()) }
    return end
  }

  /// The alert that the client got; nil for none.
  var alert: Int32? {
    guard case .failed(let reason) = client.read().step, reason >= 1000 else { return nil }
    return reason - 1000
  }
}

extension TLSSession {
  fileprivate func resumptionPeer(_ library: TLSLibrary) -> RecordLink? {
    switch resumption {
    case .some(let handshake): return handshake.peer(library)
    case .none: return nil
    }
  }

  fileprivate var expectedFinished: [UInt8] {
    switch resumption {
    case .some(let handshake):
      return Array(UnsafeRawBufferPointer(start: handshake.memory[.expected], count: 16))
    case .none: return []
    }
  }
}

extension Resumption {
  fileprivate func peer(_ library: TLSLibrary) -> RecordLink? {
    switch state.pointee.records {
    case .some(let records): return RecordLink.peer(of: records, library)
    case .none: return nil
    }
  }
}
