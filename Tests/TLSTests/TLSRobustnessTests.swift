import Basics
import COpenSSL
@testable import TLS
import Testing

/// What no peer's bytes may do: trap, hang, or leave the library unfit for the next connection.
@Suite struct TLSRobustnessTests {
  /// A client's first flight.
  private func firstFlight(_ version: Int32) -> [UInt8] {
    let client = TestClient(.init(version: version))
    _ = client.handshake()
    return client.takeOutput()
  }

  private func expectFit(_ context: TLSContext) {
    #expect(Link(context).handshake(with: TestClient()) == (.established, .done))
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func aFlightCutAtAnyByteOnlyWaits(version: Int32) throws {
    let context = try makeContext()
    let flight = firstFlight(version)
    for count in 0..<flight.count {
      let link = Link(context)
      link.pending = Array(flight[..<count])
      #expect(link.handshakeOnce(TestClient(), .max) == .waiting)
    }
    expectFit(context)
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func aFlightWithAnyByteChangedNeverEstablishes(version: Int32) throws {
    let context = try makeContext()
    // The record's minor version isn't looked at (RFC 8446 section 5.1), so changing it changes nothing.
    for index in firstFlight(version).indices where index != 2 {
      let client = TestClient(.init(version: version))
      let link = Link(context)
      _ = client.handshake()
      link.pending = client.takeOutput()
      link.pending[index % link.pending.count] ^= 0x55
      let (end, _) = link.handshake(with: client)
      #expect(end != .established, "byte \(index)")
    }
    expectFit(context)
  }

  @Test func randomBytesAreAlwaysRefusedOrWaitedFor() throws {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let context = try makeContext()
    for round in 0..<500 {
      let link = Link(context)
      let count = Int.random(in: 1...600, using: &generator)
      link.pending = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      // Half of them look like a handshake record at first sight.
      if round % 2 == 0 {
        link.pending.replaceSubrange(0..<min(3, count), with: [22, 3, 1].prefix(min(3, count)))
      }
      #expect(link.handshakeOnce(TestClient(), Int.random(in: 1...count, using: &generator)) != .established)
    }
    expectFit(context)
  }

  @Test func anEstablishedConnectionRefusesWhatWasChangedOrCut() throws {
    let context = try makeContext()
    for index in 0..<40 {
      let client = TestClient()
      let link = Link(context)
      #expect(link.handshake(with: client) == (.established, .done))
      client.write([1, 2, 3, 4, 5])
      var record = client.takeOutput()
      let isCut = index >= record.count
      if isCut { record.removeLast(1 + index % 5) } else { record[index] ^= 0x41 }
      link.pending = record
      let (bytes, status) = link.read(for: client)
      #expect(bytes.isEmpty)
      // A longer length waits for the rest of a record.
      if isCut || status == .wantsInput { continue }
      guard case .failed = status else {
        Issue.record("byte \(index) changed: \(status)")
        continue
      }
    }
    expectFit(context)
  }

  @Test func theClientThatWantsToRenegotiateIsNotFollowed() throws {
    let client = TestClient(.init(version: TLS1_2_VERSION))
    let link = Link(try makeContext())
    #expect(link.handshake(with: client) == (.established, .done))
    SSL_renegotiate(client.ssl)
    _ = client.handshake()
    let (bytes, status) = link.read(for: client)
    #expect(bytes.isEmpty)
    #expect(status == .wantsInput)
    // It is told by a warning (RFC 5746), and may give up.
    #expect(client.read().step == .failed(SSL_R_NO_RENEGOTIATION))
  }
}
