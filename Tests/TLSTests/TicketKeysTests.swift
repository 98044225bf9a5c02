import Basics
import COpenSSL
@testable import TLS
import Testing

@Suite struct TicketKeysTests {
  private let start = MonotonicTime(nanoseconds: 1_000_000_000)
  private let lifetime = Duration.seconds(1000)

  private func makeKeys() throws -> TicketKeys {
    try TicketKeys(lifetime: lifetime, now: start, wallTime: WallTime(seconds: 5000))
  }

  @discardableResult private func rotate(_ keys: TicketKeys, _ seconds: Int64) -> Bool {
    keys.rotate(now: start + .seconds(seconds), wallTime: WallTime(seconds: 5000 + seconds))
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
    #expect(rotate(keys, 500))
    #expect(keys.count == 2)
    let second = connect(context, version, first.session)
    #expect(second.isResumed)
    // The renewed ticket is the new key's: it survives the old key.
    rotate(keys, 1501)
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
    #expect(!rotate(keys, 499))
    #expect(rotate(keys, 500))
    #expect(rotate(keys, 1000))
    #expect(keys.count == 3)
    // The first key sealed until 500, so its last ticket lapses at 1500.
    #expect(rotate(keys, 1500))
    #expect(keys.count == 4)
    #expect(!rotate(keys, 1501))
    #expect(keys.count == 3)
  }

  @Test func aSummaryTellsNamesAndAgesAndWhichKeySeals() throws {
    let keys = try makeKeys()
    rotate(keys, 500)
    let summaries = keys.summaries
    #expect(summaries.map(\.state) == [.encrypting, .decrypting])
    #expect(summaries.map(\.created) == [WallTime(seconds: 5500), WallTime(seconds: 5000)])
    let name = keys.sealing.name.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(summaries[0].name == name)
  }

  /// OpenSSL sees to it: a session has its time and its timeout inside its ticket.
  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], [(999, true), (1001, false)])
  func aTicketIsResumedForItsLifetimeAndNoLonger(version: Int32, age: (seconds: Int, isResumed: Bool)) throws
  {
    let keys = try makeKeys()
    let context = try makeContext(ticketKeys: keys) { $0.ticketLifetime = .seconds(1000) }
    var seconds = age.seconds
    let session = withUnsafeMutablePointer(to: &seconds) { seconds in
      SSL_CTX_set_session_ticket_cb(
        context.standard.context,
        { ssl, seconds in
          let session = SSL_get_session(ssl)
          let age = seconds!.assumingMemoryBound(to: Int.self).pointee
          return SSL_SESSION_set_time(session, SSL_SESSION_get_time(session) - age) > 0 ? 1 : 0
        },
        { _, _, _, _, status, _ in
          status == SSL_TICKET_SUCCESS_RENEW ? 4 : status == SSL_TICKET_SUCCESS ? 3 : 2
        }, seconds)
      return connect(context, version).session
    }
    let other = try makeContext(ticketKeys: keys) { $0.ticketLifetime = .seconds(1000) }
    #expect(connect(other, version, session).isResumed == age.isResumed)
  }

  @Test func aTicketIsKnownByItsFirstSixteenBytes() throws {
    let keys = try makeKeys()
    let name = Array(keys.sealing.name)
    #expect((name + [1, 2, 3]).withUnsafeBytes { keys.knows(ticket: $0) })
    #expect(!name.dropLast().withUnsafeBytes { keys.knows(ticket: $0) })
    #expect(![UInt8](repeating: 0, count: 40).withUnsafeBytes { keys.knows(ticket: $0) })
  }
}
