import Basics
@testable import TLS
import Testing

/// What RFC 8446 says of single records, tried with records that no decent peer sends.
@Suite struct RecordRulesTests {
  private let data: UInt8 = 23
  private let handshake: UInt8 = 22
  private let alert: UInt8 = 21
  private let keyUpdate: [UInt8] = [24, 0, 0, 1, 0]
  private let waiting = OpenProgress.Status.wantsInput(missing: 5)

  /// What a fresh connection makes of records with these inner plaintexts.
  private func open(_ inners: [UInt8]...) throws -> ([UInt8], OpenProgress.Status) {
    let (peer, link) = try RecordLink.pair()
    for inner in inners { link.pending += peer.sealInner(inner) }
    return link.read()
  }

  private func refused(_ alert: UInt8) -> OpenProgress.Status { .failed(.recordError(alert: alert)) }

  @Test func paddingIsStripped() throws {
    for count in [0, 1, 255, 16000] {
      let opened = try open([1, 2, 0, data] + [UInt8](repeating: 0, count: count))
      #expect(opened == ([1, 2, 0], waiting))
    }
  }

  @Test func aRecordOfNothingButPaddingIsRefused() throws {
    #expect(try open([UInt8](repeating: 0, count: 100)) == ([], refused(10)))
    #expect(try open([]) == ([], refused(10)))
  }

  @Test func theLongestRecordIsOpenedAndALongerOneRefused() throws {
    let longest = [UInt8](repeating: 7, count: 16384)
    #expect(try open(longest + [data]) == (longest, waiting))
    #expect(try open(longest + [7, data]) == ([], refused(22)))
    #expect(try open(longest + [data, 0]) == ([], refused(22)))
  }

  @Test func aHeaderAloneTellsThatARecordIsTooLongOrShort() throws {
    for (length, status) in [
      (16640, OpenProgress.Status.wantsInput(missing: 16640)), (16641, refused(22)), (65535, refused(22)),
      (16, .wantsInput(missing: 16)), (15, refused(20)), (0, refused(20)),
    ] {
      let (_, link) = try RecordLink.pair()
      link.pending = [data, 3, 3, UInt8(length >> 8), UInt8(length & 255)]
      #expect(link.read().1 == status, "length \(length)")
    }
  }

  @Test func recordsInTheClearAreRefused() throws {
    for type in [20, 21, 22, 24, 0, 255] as [UInt8] {
      let (_, link) = try RecordLink.pair()
      link.pending = [type, 3, 3, 0, 1, 1]
      #expect(link.read().1 == refused(10))
    }
  }

  @Test func otherTypesInsideAreRefused() throws {
    for type in [1, 20, 24, 255] as [UInt8] { #expect(try open([1, type]) == ([], refused(10))) }
  }

  @Test func aReplayedOrMissingOrSwappedRecordIsRefused() throws {
    for order in [[0, 0], [1], [0, 2]] {
      let (peer, link) = try RecordLink.pair()
      let records = (0..<3).map { peer.sealInner([UInt8($0), data]) }
      for index in order { link.pending += records[index] }
      let (bytes, status) = link.read()
      #expect(bytes == (order[0] == 0 ? [0] : []))
      #expect(status == refused(20))
    }
  }

  @Test func anyChangedByteIsRefused() throws {
    for index in 0..<24 {
      let (peer, link) = try RecordLink.pair()
      link.pending = peer.sealInner([1, 2, data])
      // Longer lengths would wait for more.
      let changed = index == 3 || index == 4 ? link.pending[index] &- 1 : link.pending[index] ^ 0x80
      guard index != 3 else { continue }
      link.pending[index] = changed
      guard case .failed = link.read().1 else {
        Issue.record("byte \(index) changed, and yet opened")
        continue
      }
    }
  }

  @Test func afterARefusalNothingIsOpened() throws {
    let (peer, link) = try RecordLink.pair()
    let first = peer.sealInner([1, data])
    link.pending = [22, 3, 3, 0, 1, 1]
    #expect(link.read().1 == refused(10))
    link.pending = first
    let (bytes, status) = link.read()
    #expect(bytes.isEmpty)
    #expect(status == refused(10))
  }

  /// The proxy deals with the data that came first, and then asks again.
  @Test func whatBrokeAConnectionIsRemembered() throws {
    let endings: [(inner: [UInt8], status: OpenProgress.Status)] = [
      ([1, 99], refused(10)), ([1, alert], refused(50)), ([2, 20, alert], .failed(.peerAlert(20))),
    ]
    for ending in endings {
      let (peer, link) = try RecordLink.pair()
      link.pending = peer.sealInner([7, data]) + peer.sealInner(ending.inner)
      #expect(link.read() == ([7], ending.status))
      for _ in 0..<2 { #expect(link.read() == ([], ending.status)) }
    }
  }

  @Test func emptyDataIsFineButNotForEver() throws {
    let (peer, link) = try RecordLink.pair()
    for _ in 0..<3 {
      for _ in 0..<RecordLayer.idleLimit { link.pending += peer.sealInner([data]) }
      link.pending += peer.sealInner([9, data])
      #expect(link.read() == ([9], waiting))
    }
    for _ in 0...RecordLayer.idleLimit { link.pending += peer.sealInner([data]) }
    #expect(link.read() == ([], refused(10)))
  }

  @Test func alertsOfTheWrongLengthAreRefused() throws {
    #expect(try open([alert]) == ([], refused(10)))
    #expect(try open([1, alert]) == ([], refused(50)))
    #expect(try open([1, 0, 1, 0, alert]) == ([], refused(50)))
  }

  @Test func anyAlertButTwoIsFatalWhateverItsLevel() throws {
    #expect(try open([1, 0, alert], [5, data]) == ([], .closed))
    #expect(try open([2, 0, alert]) == ([], .closed))
    #expect(try open([1, 90, alert], [5, data]) == ([5], waiting))
    #expect(try open([1, 40, alert], [5, data]) == ([], .failed(.peerAlert(40))))
    #expect(try open([2, 255, alert]) == ([], .failed(.peerAlert(255))))
  }

  @Test func dataBeforeAnEndIsKeptAndDataBehindItIgnored() throws {
    #expect(try open([5, data], [1, 0, alert], [6, data]) == ([5], .closed))
    let (peer, link) = try RecordLink.pair()
    link.pending = peer.sealInner([1, 0, alert])
    #expect(link.read().1 == .closed)
    link.pending = peer.sealInner([6, data]) + [1, 2, 3]
    #expect(link.read() == ([], .closed))
    #expect(link.pending.isEmpty)
  }

  @Test func aKeyUpdateChangesTheKeyOfTheNextRecord() throws {
    for request in [0, 1] as [UInt8] {
      let (peer, link) = try RecordLink.pair()
      link.pending = peer.sealInner([24, 0, 0, 1, request, handshake])
      peer.updateSending()
      link.pending += peer.sealInner([5, data])
      #expect(link.read() == ([5], waiting))
      #expect(link.owesKeyUpdate == (request == 1))
    }
  }

  @Test func dataUnderTheOldKeyAfterAKeyUpdateIsRefused() throws {
    #expect(try open(keyUpdate + [handshake], [5, data]) == ([], refused(20)))
  }

  @Test func aKeyUpdateMaySpanRecordsButNothingMayComeBetween() throws {
    for split in 1...4 {
      let (peer, link) = try RecordLink.pair()
      link.pending = peer.sealInner(keyUpdate[..<split] + [handshake])
      link.pending += peer.sealInner(keyUpdate[split...] + [handshake])
      peer.updateSending()
      link.pending += peer.sealInner([5, data])
      #expect(link.read() == ([5], waiting), "split at \(split)")
      #expect(try open(keyUpdate[..<split] + [handshake], [5, data]) == ([], refused(10)))
      #expect(try open(keyUpdate[..<split] + [handshake], [1, 0, alert]) == ([], refused(10)))
    }
    let (peer, link) = try RecordLink.pair()
    for byte in keyUpdate { link.pending += peer.sealInner([byte, handshake]) }
    peer.updateSending()
    link.pending += peer.sealInner([5, data])
    #expect(link.read() == ([5], waiting))
  }

  @Test func aMessageBehindAKeyUpdateInItsRecordIsRefused() throws {
    #expect(try open(keyUpdate + keyUpdate + [handshake]) == ([], refused(10)))
    #expect(try open(keyUpdate + [24, handshake]) == ([], refused(10)))
  }

  @Test func malformedKeyUpdatesAreRefused() throws {
    #expect(try open([24, 0, 0, 1, 2, handshake]) == ([], refused(47)))
    #expect(try open([24, 0, 0, 2, 0, 0, handshake]) == ([], refused(50)))
    #expect(try open([24, 1, 0, 1, 0, handshake]) == ([], refused(50)))
    #expect(try open([24, 0, 0, 0, 24, handshake]) == ([], refused(50)))
    #expect(try open([handshake]) == ([], refused(10)))
  }

  @Test func otherHandshakeMessagesAreRefusedByTheirFirstByte() throws {
    for type in [0, 1, 2, 4, 11, 20, 254] as [UInt8] {
      #expect(try open([type, handshake]) == ([], refused(10)))
      #expect(try open([type, 0, 0, 1, 0, handshake]) == ([], refused(10)))
    }
  }

  @Test func keyUpdatesWithoutDataAreBounded() throws {
    let (peer, link) = try RecordLink.pair()
    for _ in 0...RecordLayer.idleLimit {
      link.pending += peer.sealInner(keyUpdate + [handshake])
      peer.updateSending()
    }
    #expect(link.read() == ([], refused(10)))
  }

  @Test func sequenceNumbersNeverWrap() throws {
    let (peer, link) = try RecordLink.pair()
    peer.library.recordsPerKey = .max
    peer.setCounters(received: 0, sent: .max - 1)
    link.setCounters(received: .max - 1, sent: 0)
    link.pending = try #require(peer.seal([1]))
    #expect(link.read().bytes == [1])
    // The last number is left unused, in both directions.
    #expect(peer.seal([2]) == nil)
    peer.setCounters(received: 0, sent: 0)
    link.pending = peer.sealInner([3, data])
    #expect(link.read() == ([], refused(20)))
  }

  @Test func aKeyIsReplacedBeforeItHasSealedTooMuch() throws {
    let (peer, link) = try RecordLink.pair(.aes256GCM)
    peer.library.recordsPerKey = 3
    var counts: [Int] = []
    for byte in 0..<UInt8(8) {
      let record = try #require(peer.seal([byte]))
      counts.append(record.count)
      link.pending += record
    }
    let (plain, updated) = (
      RecordLayer.shortRecord(1), RecordLayer.shortRecord(1) + RecordLayer.shortRecord(5)
    )
    #expect(counts == [plain, plain, plain, updated, plain, plain, updated, plain])
    #expect(link.read() == (Array(0..<8), waiting))
  }

  @Test func randomRecordsNeverTrap() throws {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let library = try TLSLibrary()
    for _ in 0..<2000 {
      let (peer, link) = try RecordLink.pair(library: library)
      var expected: [UInt8] = []
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let count = Int.random(in: 0...12, using: &generator)
        let inner = (0..<count).map { _ in
          [0, 1, 2, 21, 22, 23, 24].randomElement(using: &generator)! as UInt8
        }
        link.pending += peer.sealInner(inner)
        if let type = inner.lastIndex(where: { $0 != 0 }), inner[type] == data { expected += inner[..<type] }
      }
      let (bytes, _) = link.read(part: { Int.random(in: 1...60, using: &generator) })
      // What was opened is a beginning of what was sent as data.
      #expect(expected.starts(with: bytes))
    }
  }
}
