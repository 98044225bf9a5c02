import Basics
import COpenSSL
@testable import TLS
import Testing

@Suite struct TicketKeysTests {
  private let start = MonotonicTime(nanoseconds: 1_000_000_000)
  private let lifetime = Duration.seconds(1000)

  private func makeKeys() throws -> TicketKeys { try TicketKeys(lifetime: lifetime, now: start) }

  /// Connects, and gives what the client could resume later.
  private func connect(
    _ context: TLSContext, _ version: Int32, _ session: TestClient.Session? = nil
  ) -> (isResumed: Bool, session: TestClient.Session?) {
    let client = TestClient(.init(version: version, session: session))
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

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func aTicketResumesOnAnotherWorkerAndAfterAReload(version: Int32) throws {
    let keys = try makeKeys()
    let first = connect(try makeContext(ticketKeys: keys), version)
    #expect(!first.isResumed)
    let second = connect(try makeContext(ticketKeys: keys), version, first.session)
    #expect(second.isResumed)
    #expect(connect(try makeContext(ticketKeys: keys), version, second.session).isResumed)
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func aTicketOfARetiredKeyIsRenewedAndThenLivesOn(version: Int32) throws {
    let keys = try makeKeys()
    let context = try makeContext(ticketKeys: keys)
    let first = connect(context, version)
    #expect(keys.rotate(now: start + .seconds(500)))
    #expect(keys.count == 2)
    let second = connect(context, version, first.session)
    #expect(second.isResumed)
    // The renewed ticket is the new key's: it survives the old key.
    keys.rotate(now: start + .seconds(1501))
    #expect(!connect(context, version, first.session).isResumed)
    #expect(connect(context, version, second.session).isResumed)
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func anUnknownTicketFallsBackToAFullHandshake(version: Int32) throws {
    let first = connect(try makeContext(ticketKeys: makeKeys()), version)
    let second = connect(try makeContext(ticketKeys: makeKeys()), version, first.session)
    #expect(!second.isResumed)
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func withoutALifetimeNoTicketsAreGiven(version: Int32) throws {
    let context = try makeContext(ticketKeys: makeKeys()) { $0.ticketLifetime = .zero }
    let first = connect(context, version)
    #expect(!connect(context, version, first.session).isResumed)
  }

  @Test func keysRotateAfterHalfALifetimeAndAreForgottenOnceTheirTicketsHaveLapsed() throws {
    let keys = try makeKeys()
    #expect(!keys.rotate(now: start + .seconds(499)))
    #expect(keys.rotate(now: start + .seconds(500)))
    #expect(keys.rotate(now: start + .seconds(1000)))
    #expect(keys.count == 3)
    // The first key sealed until 500, so its last ticket lapses at 1500.
    #expect(keys.rotate(now: start + .seconds(1500)))
    #expect(keys.count == 4)
    #expect(!keys.rotate(now: start + .seconds(1501)))
    #expect(keys.count == 3)
  }

  @Test func aTicketIsKnownByItsFirstSixteenBytes() throws {
    let keys = try makeKeys()
    let name = Array(keys.newest.name)
    #expect((name + [1, 2, 3]).withUnsafeBytes { keys.knows(ticket: $0) })
    #expect(!name.dropLast().withUnsafeBytes { keys.knows(ticket: $0) })
    #expect(![UInt8](repeating: 0, count: 40).withUnsafeBytes { keys.knows(ticket: $0) })
  }
}
