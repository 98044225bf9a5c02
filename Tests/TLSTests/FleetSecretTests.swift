import Basics
import COpenSSL
@testable import TLS
import Testing

@Suite struct FleetSecretTests {
  private let secret = TLSConfiguration.Source.text(
    String(decoding: (0..<32).map { UInt8($0) }, as: UTF8.self), name: "fleet.secret")
  private let lifetime = Duration.seconds(12 * 3600)
  private let epoch: Int64 = 6 * 3600
  /// The beginning of epoch 81000.
  private let start = WallTime(seconds: 81000 * 6 * 3600)

  private func makeKeys(_ time: WallTime, _ secret: TLSConfiguration.Source? = nil) throws -> TicketKeys {
    try TicketKeys(fleetSecret: secret ?? self.secret, lifetime: lifetime, wallTime: time)
  }

  private func hex(_ bytes: UnsafeRawBufferPointer) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// Computed by a few lines of Python after RFC 5869; instances of all versions must agree on it.
  @Test func theKeyOfAnEpochIsWhatAnotherImplementationMakes() throws {
    let key = try #require(FleetSecret(secret).key(epoch: 81000, length: epoch))
    #expect(hex(key.name) == "d9c247c85173c89048ef936610c5efd5")
    let cipherKey = UnsafeRawBufferPointer(start: key.cipherKey, count: 32)
    #expect(hex(cipherKey) == "29d941178799414c9123f51f1abaae4f4dfa9ba296b15d61e3dc3c00fb3a2188")
    let authenticationKey = UnsafeRawBufferPointer(start: key.authenticationKey, count: 32)
    #expect(hex(authenticationKey) == "d9e7f7dbf9845f1769c9d8810f7fd069229dd477f2047d2abd20bacf7faf8f38")
    #expect(key.created == start)
  }

  @Test func theCurrentEpochSealsAndItsNeighboursOpen() throws {
    let summaries = try makeKeys(start + .seconds(3600)).summaries
    #expect(summaries.map { ($0.created.seconds - start.seconds) / epoch } == [-2, -1, 0, 1])
    #expect(summaries.map(\.state) == [.decrypting, .decrypting, .encrypting, .decrypting])
  }

  @Test func keysGoOnWithTheEpochs() throws {
    let keys = try makeKeys(start + .seconds(100))
    let first = hex(keys.sealing.name)
    #expect(!keys.rotate(now: .zero, wallTime: start + .seconds(epoch - 1)))
    #expect(keys.rotate(now: .zero, wallTime: start + .seconds(epoch)))
    #expect(hex(keys.sealing.name) != first)
    // The last ticket of epoch 0 was sealed at its end, perhaps a minute late, and lives for two epochs.
    keys.rotate(now: .zero, wallTime: start + .seconds(3 * epoch - 1))
    #expect(keys.summaries.contains { $0.name == first })
    keys.rotate(now: .zero, wallTime: start + .seconds(3 * epoch + 60))
    #expect(!keys.summaries.contains { $0.name == first })
    // A clock that is set back.
    #expect(keys.rotate(now: .zero, wallTime: start))
    #expect(hex(keys.sealing.name) == first)
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], [-6 * 3600, -10, 10, 6 * 3600, 12 * 3600])
  func instancesWithTheSameSecretResumeEachOthersSessions(version: Int32, skew: Int64) throws {
    let time = start + .seconds(3600)
    let first = connect(try makeContext(ticketKeys: makeKeys(time)), version)
    let second = try makeContext(ticketKeys: makeKeys(time + .seconds(skew)))
    #expect(connect(second, version, first.session).isResumed)
  }

  @Test func anotherSecretOrLifetimeMakesOtherKeys() throws {
    let other = TLSConfiguration.Source.text(String(repeating: "x", count: 32), name: "other")
    let shorter = try TicketKeys(fleetSecret: secret, lifetime: .seconds(3600), wallTime: start)
    let names = try [makeKeys(start), makeKeys(start, other), shorter].flatMap { $0.summaries.map(\.name) }
    #expect(Set(names).count == names.count)
  }

  @Test(arguments: [60, 61, 100, 7 * 86400]) func ofAnyLifetimeAnEpochBackAndOneAheadAreKept(lifetime: Int64)
    throws
  {
    let keys = try TicketKeys(fleetSecret: secret, lifetime: .seconds(lifetime), wallTime: start)
    let times = keys.summaries.map(\.created)
    #expect(times.first.map { $0 <= start - .seconds(lifetime) } == true)
    #expect(times.last.map { $0 > start } == true)
  }

  @Test func aShortSecretIsRefused() {
    let short = TLSConfiguration.Source.text(String(repeating: "x", count: 31), name: "fleet.secret")
    #expect {
      try TicketKeys(fleetSecret: short, lifetime: lifetime, wallTime: start)
    } throws: { error in
      let error = error as? TLSError
      return error?.subject == .fleetSecret
        && error?.description == "fleet.secret: 31 bytes; a fleet secret has at least 32"
    }
  }
}
