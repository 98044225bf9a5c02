import Basics
import COpenSSL
import Testing

@testable import TLS

/// A context whose handshakes of TLS 1.3 are our own.
func makeOwnContext(
  _ certificates: [TestCertificate] = [.localhost], ticketKeys: TicketKeys? = nil,
  _ adjust: (inout TLSConfiguration) -> Void = { _ in }
) throws -> TLSContext {
  try makeContext(certificates, ticketKeys: ticketKeys) {
    $0.recordLayer = .tidegate
    adjust(&$0)
  }
}

/// The same as far as clients can see, by OpenSSL.
func makeOpenSSLContext(
  _ certificates: [TestCertificate] = [.localhost], ticketKeys: TicketKeys? = nil,
  _ adjust: (inout TLSConfiguration) -> Void = { _ in }
) throws -> TLSContext {
  try makeOwnContext(certificates, ticketKeys: ticketKeys) {
    $0.handshake = .openssl
    adjust(&$0)
  }
}

func makeTicketKeys() throws -> TicketKeys {
  try TicketKeys(lifetime: .seconds(1000), now: .zero, wallTime: WallTime(seconds: 0))
}

/// How a connection over our own record layer came about, data having gone both ways.
struct Outcome {
  var isOwn: Bool
  var isResumed: Bool
  var session: TestClient.Session?
}

/// Connects, lets data flow both ways over the record layer, and ends in order. Nil when the handshake fails.
func converse(
  _ context: TLSContext, _ options: TestClient.Options = .init(), part: () -> Int = { .max }
) -> Outcome? {
  let client = TestClient(options)
  let link = Link(context)
  guard link.handshake(with: client, part: part) == (.established, .done) else { return nil }
  let (isOwn, isResumed) = (link.isOwn, link.isResumed)
  guard let records = RecordLink(from: link, context) else { return nil }
  client.write(Array("question".utf8))
  guard records.read(from: client).bytes == Array("question".utf8), let answer = records.seal([1, 2, 3])
  else { return nil }
  client.receive(answer)
  guard client.read().bytes == [1, 2, 3], client.isResumed == isResumed else { return nil }
  client.closeNotify()
  guard records.read(from: client).1 == .closed else { return nil }
  return Outcome(isOwn: isOwn, isResumed: isResumed, session: client.session)
}

/// A handshake that our own code has answered, before the client's second flight, with the means to make any such.
final class BegunHandshake {
  let client: TestClient
  let link: Link
  let context: TLSContext
  /// The client's own flight.
  let flight: [UInt8]
  private var sealed: UInt64 = 0

  init(_ context: TLSContext, _ options: TestClient.Options = .init()) throws {
    self.context = context
    client = TestClient(options)
    link = Link(context)
    _ = client.handshake()
    link.pending = client.takeOutput()
    try #require(link.handshakeOnce(client, .max) == .waiting && link.isOwn)
    try #require(client.handshake() == .done)
    flight = client.takeOutput()
  }

  private var suite: UInt8 { RecordSuite.index(of: link.session.cipherSuite)! }

  /// What the client's Finished is to be.
  var finished: [UInt8] {
    let count = RecordSuite(index: suite).secretCount
    return Array(UnsafeRawBufferPointer(start: link.session.place(.expected), count: 4 + count))
  }

  /// A record of the client's handshake key with any content, type and padding.
  func seal(_ inner: [UInt8]) -> [UInt8] {
    var record: [UInt8] = [23, 3, 3, UInt8((inner.count + 16) >> 8), UInt8((inner.count + 16) & 255)]
    record += inner + [UInt8](repeating: 0, count: 16)
    var nonce = Array(UnsafeRawBufferPointer(start: link.session.place(.iv), count: 12)) + [0, 0, 0, 0]
    for index in 0..<8 { nonce[4 + index] ^= UInt8(truncatingIfNeeded: sealed >> (8 * (7 - UInt64(index)))) }
    sealed += 1
    let (suite, key) = (Int(suite), UnsafeRawPointer(link.session.place(.key)))
    let isSealed = record.withUnsafeMutableBytes { record in
      nonce.withUnsafeBytes {
        context.library.records.seal(
          record.baseAddress!, inner.count, cipher: suite, key: key, nonce: $0.baseAddress!)
      }
    }
    precondition(isSealed)
    return record
  }

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
  /// Where our own handshake has something.
  fileprivate func place(_ place: HandshakeMemory.Place) -> UnsafeMutableRawPointer {
    switch own {
    case .some(let handshake): return handshake.memory[place]
    case .none: preconditionFailure("the handshake is OpenSSL's")
    }
  }

  /// OpenSSL's object; nil where there is none.
  var ssl: OpaquePointer? {
    switch openSSL {
    case .some(let session): session.ssl
    case .none: nil
    }
  }

  /// True exactly when the handshake was answered by our own code.
  var isOwn: Bool {
    own != nil || resumption != nil
  }
}

/// Changes a ClientHello, the only message of its record.
enum HelloEditing {
  /// Where the extensions' length stands.
  private static func extensionsPlace(_ flight: [UInt8]) -> Int {
    var place = 9 + 34
    place += 1 + Int(flight[place])
    place += 2 + Int(flight[place]) << 8 + Int(flight[place + 1])
    return place + 1 + Int(flight[place])
  }

  /// Puts an extension before the others.
  static func insert(_ type: Int, _ body: [UInt8], into flight: [UInt8]) -> [UInt8] {
    let place = extensionsPlace(flight)
    let added = [UInt8(type >> 8), UInt8(type & 255), UInt8(body.count >> 8), UInt8(body.count & 255)] + body
    var result = flight
    result.insert(contentsOf: added, at: place + 2)
    for (place, count) in [(place, 2), (6, 3), (3, 2)] { adjust(&result, place, count, added.count) }
    return result
  }

  private static func adjust(_ bytes: inout [UInt8], _ place: Int, _ count: Int, _ difference: Int) {
    let value = bytes[place..<place + count].reduce(0) { $0 << 8 | Int($1) } + difference
    for index in 0..<count {
      bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - index)))
    }
  }
}
