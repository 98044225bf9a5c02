import Basics
import COpenSSL
import Testing

@testable import TLS

@Suite struct Handshake13TicketTests {
  private let keys: TicketKeys
  private let context: TLSContext

  init() throws {
    keys = try makeTicketKeys()
    context = try makeOwnContext(ticketKeys: keys)
  }

  private func session() throws -> TestClient.Session? { try #require(converse(context)).session }

  private func isResumed(_ context: TLSContext, _ session: TestClient.Session?) throws -> Bool {
    try #require(converse(context, .init(session: session))).isResumed
  }

  @Test func aTicketResumesElsewhereAndMoreThanOnce() throws {
    let session = try session()
    let other = try makeOwnContext(ticketKeys: keys)
    for _ in 0..<3 { #expect(try isResumed(other, session)) }
  }

  @Test func aTicketLivesAsLongAsWasSaid() throws {
    let context = try makeOwnContext(ticketKeys: keys) { $0.ticketLifetime = .seconds(1000) }
    context.library.wallTime = { WallTime(seconds: 5000) }
    let session = try #require(converse(context)).session
    #expect(SSL_SESSION_get_ticket_lifetime_hint(session?.pointer) == 1000)
    for (seconds, isAlive) in [(4000, true), (6000, true), (6001, false), (600_000, false)] {
      context.library.wallTime = { WallTime(seconds: Int64(seconds)) }
      #expect(try isResumed(context, session) == isAlive)
    }
  }

  @Test func aTicketOfAForgottenKeyFallsBackToAFullHandshake() throws {
    let session = try session()
    keys.rotate(now: .zero + .seconds(500), wallTime: WallTime(seconds: 500))
    let second = try #require(converse(context, .init(session: session)))
    #expect(second.isResumed)
    keys.rotate(now: .zero + .seconds(1501), wallTime: WallTime(seconds: 1501))
    #expect(try !isResumed(context, session))
    #expect(try isResumed(context, second.session))
    #expect(try !isResumed(makeOwnContext(ticketKeys: makeTicketKeys()), session))
  }

  @Test func withoutKeysNoTicketsAreGivenOrTaken() throws {
    let session = try session()
    let context = try makeOwnContext()
    let outcome = try #require(converse(context, .init(session: session)))
    #expect(outcome.isOwn && !outcome.isResumed)
    #expect(try !isResumed(self.context, outcome.session))
  }

  @Test func keysOfFilesOfBothSizesServe() throws {
    for count in [48, 80] {
      let files = TemporaryFile((0..<count).map { UInt8($0) })
      let keys = try TicketKeys(files: [files.source])
      let context = try makeOwnContext(ticketKeys: keys)
      let session = try #require(converse(context)).session
      #expect(try isResumed(context, session))
      #expect(try isResumed(makeOwnContext(ticketKeys: TicketKeys(files: [files.source])), session))
    }
  }

  @Test func aTicketServesSuitesOfTheSameHash() throws {
    let session = try #require(converse(context, .init(cipherSuites: "TLS_AES_128_GCM_SHA256"))).session
    let options = TestClient.Options(cipherSuites: "TLS_CHACHA20_POLY1305_SHA256", session: session)
    let outcome = try #require(converse(context, options))
    #expect(outcome.isOwn && outcome.isResumed)
  }

  /// The client offers it, and chooses suites of both hashes; ours is another's.
  @Test func aTicketOfAnotherHashFallsBack() throws {
    let session = try #require(converse(context, .init(cipherSuites: "TLS_AES_256_GCM_SHA384"))).session
    let outcome = try #require(converse(context, .init(session: session)))
    #expect(outcome.isOwn && !outcome.isResumed)
  }

  @Test func ticketsOfOpenSSLAreOpenSSLsAndOursAreNothingToIt() throws {
    let openSSL = try makeOpenSSLContext(ticketKeys: keys)
    let theirs = try #require(converse(openSSL)).session
    let outcome = try #require(converse(context, .init(session: theirs)))
    #expect(!outcome.isOwn && outcome.isResumed)
    let ours = try session()
    #expect(try !isResumed(openSSL, ours))
    // A listener that asks for clients' certificates, with the same keys.
    let authority = TestCertificate.make(.p256, names: [])
    let asking = try makeOwnContext(ticketKeys: keys) {
      $0.clientCertificates = .init(
        authorities: .text(authority.certificatePEM, name: "ca"), isRequired: true)
    }
    #expect(converse(asking, .init(session: ours)) == nil)
  }

  /// By a certificate that it wouldn't take for the server's the client mustn't be served in its place.
  @Test func aTicketServesOnlyWhereTheServerHasTheSameNames() throws {
    let a = TestCertificate.make(.p256, names: ["a.example", "localhost"])
    let successor = TestCertificate.make(.rsa, names: ["localhost", "a.example"])
    let others = [TestCertificate.make(.p256, names: ["b.example"]), .make(.p256, names: [])]
    for make in [makeOwnContext, makeOpenSSLContext] {
      let session = try #require(converse(make([a], keys) { _ in })).session
      #expect(try isResumed(make([a], keys) { _ in }, session))
      #expect(try isResumed(make([successor], keys) { _ in }, session))
      for other in others {
        #expect(try !isResumed(make([other], keys) { _ in }, session))
        #expect(try !isResumed(make([other, .make(.p256, names: ["a.example"])], keys) { _ in }, session))
      }
    }
    // A name more is nothing to who was served by another certificate of the listener.
    let session = try #require(converse(makeOwnContext([a], ticketKeys: keys))).session
    #expect(try isResumed(makeOwnContext([others[0], a], ticketKeys: keys), session))
  }

  @Test func aClientWithoutTheTicketsKeyIsRefused() throws {
    for index in 1...32 {
      // A client forgets a session that it was refused with.
      let client = TestClient(.init(session: try session()))
      let link = Link(context)
      _ = client.handshake()
      link.pending = client.takeOutput()
      // The binder is the last that the ClientHello has.
      link.pending[link.pending.count - index] ^= 1
      #expect(link.handshakeOnce(client, .max) == .failed(.recordError(alert: 51)))
      #expect(client.handshake() == .failed(1051))
    }
  }

  @Test func aTicketWithAnyByteChangedIsUnknown() throws {
    let session = try session()
    var ticket: UnsafePointer<UInt8>?
    var count = 0
    SSL_SESSION_get0_ticket(session?.pointer, &ticket, &count)
    let bytes = Array(UnsafeBufferPointer(start: ticket, count: count))
    #expect(bytes.count == 16 + 16 + 48 + 32)
    var secret = [UInt8](repeating: 0, count: 48)
    func open(_ bytes: [UInt8]) -> Ticket.Opened {
      bytes.withUnsafeBytes { bytes in
        secret.withUnsafeMutableBytes {
          Ticket.open(
            bytes, identity: context.standard.identity, context: context, secret: $0.baseAddress!)
        }
      }
    }
    guard case .ours(let opened) = open(bytes) else {
      Issue.record("the ticket can't be opened")
      return
    }
    #expect(opened.suite == 0x1301 && opened.lifetime == 43200)
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 0x10
      guard case .unknown = open(changed) else {
        Issue.record("byte \(index)")
        continue
      }
    }
    for count in bytes.indices {
      guard case .unknown = open(Array(bytes[..<count])) else {
        Issue.record("\(count) bytes")
        continue
      }
    }
  }
}
