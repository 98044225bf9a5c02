import Basics
import COpenSSL
import Testing

@testable import TLS

/// Records of TLS 1.2, of a client that knows the keys and sends what no library does.
@Suite struct RecordLayerTLS12Tests {
  private let library: TLSLibrary
  private static let suites = Array(RecordSuite.tls13Count..<RecordSuite.allCount)

  init() throws { library = try TLSLibrary() }

  private func expectRefused(
    _ alert: UInt8, _ what: String, _ suite: UInt8 = 3, _ bytes: (RecordLink) -> [UInt8]
  ) {
    let (client, server) = RecordLink.pairTLS12(suite, library: library)
    server.pending = bytes(client)
    #expect(server.read().1 == .failed(.recordError(alert: alert)), "\(what)")
    // Nothing is opened any more, and the peer is told why, once.
    server.pending = client.seal([1])!
    #expect(server.read().1 == .failed(.recordError(alert: alert)), "\(what)")
    client.pending = server.alert(for: .recordError(alert: alert))
    #expect(client.read().1 == .failed(.peerAlert(alert)), "\(what)")
    #expect(server.seal([1]) == nil && server.closeNotify().isEmpty)
  }

  @Test func statesAreSmall() {
    for suite in Self.suites { #expect(RecordLink.pairTLS12(suite, library: library).0.stateCount <= 112) }
  }

  @Test(arguments: suites) func whatIsSealedOpens(suite: UInt8) throws {
    let (client, server) = RecordLink.pairTLS12(suite, library: library)
    for count in [1, 2, 15, 16, 17, 300, 16384] {
      let data = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
      for (sender, receiver) in [(client, server), (server, client)] {
        let sealed = try #require(sender.seal(data))
        #expect(sealed.count == count + 5 + RecordSuite(index: suite).overhead)
        receiver.pending = sealed
        #expect(receiver.read().bytes == data)
      }
    }
    // Several in one piece.
    server.pending = client.seal([1, 2])! + client.sealTLS12(23, []) + client.seal([3])!
    #expect(server.read().bytes == [1, 2, 3])
  }

  @Test(arguments: suites) func whateverIsFlippedIsRefused(suite: UInt8) throws {
    let data: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    let count = RecordLink.pairTLS12(suite, library: library).0.seal(data)!.count
    for bit in 0..<8 * count where bit / 8 != 3 && bit / 8 != 4 {
      let (client, server) = RecordLink.pairTLS12(suite, library: library)
      var sealed = client.seal(data)!
      sealed[bit / 8] ^= 1 << UInt8(bit % 8)
      server.pending = sealed
      let (bytes, status) = server.read()
      guard bytes.isEmpty, case .failed = status else {
        Issue.record("bit \(bit)")
        continue
      }
    }
  }

  @Test(arguments: suites) func aRecordCountsOnceAndInItsPlace(suite: UInt8) throws {
    let (client, server) = RecordLink.pairTLS12(suite, library: library)
    let (first, second) = (client.seal([1])!, client.seal([2])!)
    server.pending = first
    #expect(server.read().bytes == [1])
    for record in [first, client.seal([3])!] {
      let (_, other) = RecordLink.pairTLS12(suite, library: library)
      other.setCounters(received: 1, sent: 0)
      other.pending = record
      #expect(other.read().1 == .failed(.recordError(alert: 20)))
    }
    server.pending = second
    #expect(server.read().bytes == [2])
  }

  @Test func aSequenceNeverStartsAnew() {
    for suite in Self.suites {
      let (client, server) = RecordLink.pairTLS12(suite, library: library)
      client.setCounters(received: 0, sent: .max - 1)
      server.setCounters(received: .max - 1, sent: .max)
      server.pending = client.seal([1])!
      #expect(server.read().bytes == [1])
      #expect(client.seal([1]) == nil && server.seal([1]) == nil)
      server.pending = [23, 3, 3, 0, 30] + [UInt8](repeating: 0, count: 30)
      #expect(server.read().1 == .failed(.recordError(alert: 20)))
    }
  }

  @Test func badHeadersAreRefused() {
    for suite in Self.suites {
      expectRefused(22, "too long", suite) { _ in [23, 3, 3, 0x41, 1] }
      expectRefused(20, "too short", suite) { _ in [23, 3, 3, 0, 15] }
      expectRefused(70, "another version", suite) { _ in [23, 3, 1, 0, 40] }
      expectRefused(10, "another type", suite) { _ in [24, 3, 3, 0, 40] }
      expectRefused(10, "a ChangeCipherSpec", suite) { _ in [20, 3, 3, 0, 1, 1] }
      expectRefused(22, "too much data", suite) { $0.sealTLS12(23, [UInt8](repeating: 0, count: 16385)) }
    }
  }

  @Test func alertsAreUnderstood() {
    func status(_ content: [UInt8]) -> OpenProgress.Status {
      let (client, server) = RecordLink.pairTLS12(3, library: library)
      server.pending = client.sealTLS12(21, content)
      return server.read().1
    }
    #expect(status([1, 0]) == .closed)
    #expect(status([2, 20]) == .failed(.peerAlert(20)))
    #expect(status([1, 90]) == .wantsInput(missing: 5))
    #expect(status([1, 100]) == .failed(.recordError(alert: 40)))
    #expect(status([3, 0]) == .failed(.recordError(alert: 47)))
    for content in [[], [1], [1, 0, 0], [1, 90, 1, 90]] as [[UInt8]] {
      #expect(status(content) == .failed(.recordError(alert: 10)))
    }
  }

  @Test func recordsWithoutDataAreBounded() {
    for (type, content) in [(23, []), (21, [1, 90]), (22, []), (22, [1, 0, 0, 0])] as [(UInt8, [UInt8])] {
      let (client, server) = RecordLink.pairTLS12(3, library: library)
      for _ in 0..<3 {
        server.pending = (0..<32).flatMap { _ in client.sealTLS12(type, content) } + client.seal([5])!
        #expect(server.read().bytes == [5])
      }
      server.pending = (0..<33).flatMap { _ in client.sealTLS12(type, content) }
      #expect(server.read().1 == .failed(.recordError(alert: 10)))
    }
  }

  /// The client hears so before our next data, or at once.
  @Test(arguments: suites) func anotherHandshakeIsRefusedByAWarning(suite: UInt8) throws {
    for lengths in [[400], [1, 1, 1, 1, 396], [4, 396], [3, 100, 297]] {
      let (client, server) = RecordLink.pairTLS12(suite, library: library)
      let hello = [1, 0, 1, 0x8c] + [UInt8](repeating: 9, count: 396)
      var rest = hello[...]
      for length in lengths {
        #expect(!server.owesRefusal)
        server.pending = client.sealTLS12(22, Array(rest.prefix(length)))
        rest = rest.dropFirst(length)
        #expect(server.read().1 == .wantsInput(missing: 5))
      }
      #expect(server.owesRefusal)
      let warning = lengths.count == 1 ? try #require(server.seal([7])) : server.refuseRenegotiation()
      #expect(!server.owesRefusal && server.refuseRenegotiation().isEmpty)
      let plain = try #require(server.seal([8]))
      // For our own layer, on the other side, that is an answer to nothing it asked for.
      client.pending = warning + plain
      #expect(client.read().1 == .failed(.recordError(alert: 40)))
      #expect(
        warning.count == 5 + RecordSuite(index: suite).overhead + 2 + (lengths.count == 1 ? plain.count : 0))
    }
  }

  @Test func otherMessagesAreRefused() {
    for type in (0...255 as ClosedRange<UInt8>) where type != 1 {
      expectRefused(10, "message \(type)") { $0.sealTLS12(22, [type]) }
    }
    expectRefused(10, "a message behind a hello") { $0.sealTLS12(22, [1, 0, 0, 1, 5, 20]) }
    expectRefused(47, "a hello of 16 MiB") { $0.sealTLS12(22, [1, 255, 255, 255, 5]) }
  }
}
