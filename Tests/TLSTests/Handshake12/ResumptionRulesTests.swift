import Basics
import COpenSSL
import Testing

@testable import TLS

/// What the client may send in its second flight, and what it may not (RFC 5246 sections 7.1, 7.2, 7.4.9).
@Suite struct ResumptionRulesTests {
  private let context: TLSContext

  init() throws { context = try makeOwnContext([.localhost, .localhostRSA], ticketKeys: makeTicketKeys()) }

  private static let ccs = BegunResumption.changeCipherSpec

  private func expectRefused(_ alert: Int32, _ what: String, _ bytes: (BegunResumption) -> [UInt8]) throws {
    for part in [Int.max, 1] {
      let begun = try BegunResumption(context)
      let end = begun.send(bytes(begun)) { part }
      #expect(end == .failed(.recordError(alert: UInt8(alert))), "\(what)")
      #expect(begun.alert == alert, "\(what)")
      // Nothing is taken any more, and nothing goes on.
      begun.link.pending = begun.flight
      #expect(begun.link.handshakeOnce(begun.client, .max) == end)
      #expect(begun.link.pending == begun.flight)
      let goesOn = begun.link.handOver() != nil
      #expect(!goesOn)
    }
  }

  @Test func theRightFinishedEstablishes() throws {
    for suite in resumedSuites {
      let begun = try BegunResumption(context, .init(ciphers: suite))
      #expect(begun.send(Self.ccs + begun.peer.sealTLS12(22, begun.finished)) == .established)
    }
  }

  @Test func aWrongFinishedIsRefused() throws {
    for index in 4..<16 {
      try expectRefused(51, "byte \(index) of the Finished") { begun in
        var finished = begun.finished
        finished[index] ^= 1
        return Self.ccs + begun.peer.sealTLS12(22, finished)
      }
    }
    try expectRefused(50, "a short Finished") {
      Self.ccs + $0.peer.sealTLS12(22, [20, 0, 0, 11] + $0.finished[4..<15])
    }
    try expectRefused(50, "a long Finished") {
      Self.ccs + $0.peer.sealTLS12(22, [20, 0, 0, 13] + $0.finished[4...])
    }
    try expectRefused(10, "something behind the Finished") {
      Self.ccs + $0.peer.sealTLS12(22, $0.finished + [20])
    }
    try expectRefused(51, "the server's Finished") {
      Self.ccs + $0.peer.sealTLS12(22, $0.finished[..<4] + [UInt8](repeating: 0, count: 12))
    }
  }

  @Test func aFinishedMayBeSplitButNotInterrupted() throws {
    for part in [Int.max, 3] {
      let begun = try BegunResumption(context)
      var flight = Self.ccs
      for byte in begun.finished { flight += begun.peer.sealTLS12(22, [byte]) }
      #expect(begun.send(flight) { part } == .established)
    }
    try expectRefused(10, "a warning inside") {
      Self.ccs + $0.peer.sealTLS12(22, Array($0.finished[..<5])) + $0.peer.sealTLS12(21, [1, 90])
    }
    try expectRefused(10, "nothing inside") {
      Self.ccs + $0.peer.sealTLS12(22, Array($0.finished[..<5])) + $0.peer.sealTLS12(22, [])
    }
  }

  @Test func otherMessagesAreRefused() throws {
    for type in (0...255 as ClosedRange<UInt8>) where type != 20 {
      let begun = try BegunResumption(context)
      #expect(
        begun.send(Self.ccs + begun.peer.sealTLS12(22, [type, 0, 0, 0])) == .failed(.recordError(alert: 10)))
    }
    try expectRefused(10, "no ChangeCipherSpec") { $0.peer.sealTLS12(22, $0.finished) }
    try expectRefused(10, "a Finished in the clear") { [22, 3, 3, 0, 16] + $0.finished }
    try expectRefused(10, "data before the Finished") { Self.ccs + $0.peer.sealTLS12(23, [1]) }
    try expectRefused(10, "data in the clear") { _ in [23, 3, 3, 0, 1, 1] }
    try expectRefused(10, "two ChangeCipherSpecs") { _ in Self.ccs + Self.ccs }
    try expectRefused(10, "a sealed ChangeCipherSpec") { Self.ccs + $0.peer.sealTLS12(20, [1]) }
    try expectRefused(50, "another ChangeCipherSpec") { _ in [20, 3, 3, 0, 1, 2] }
    try expectRefused(50, "a long ChangeCipherSpec") { _ in [20, 3, 3, 0, 2, 1, 1] }
    try expectRefused(50, "an empty ChangeCipherSpec") { _ in [20, 3, 3, 0, 0] }
    try expectRefused(10, "another type") { _ in [24, 3, 3, 0, 1, 1] }
    try expectRefused(70, "another version") { _ in [20, 3, 4, 0, 1, 1] }
    try expectRefused(10, "a long record") { _ in Self.ccs + [22, 3, 3, 0x40, 0] }
    try expectRefused(20, "a short record") { _ in
      Self.ccs + [22, 3, 3, 0, 23] + [UInt8](repeating: 0, count: 23)
    }
    try expectRefused(20, "nobody's record") { _ in
      Self.ccs + [22, 3, 3, 0, 40] + [UInt8](repeating: 0, count: 40)
    }
  }

  @Test func alertsAreHeardAndBounded() throws {
    for (bytes, alert) in [([21, 3, 3, 0, 2, 2, 40], 40), ([21, 3, 3, 0, 2, 1, 0], 0)] as [([UInt8], UInt8)] {
      let begun = try BegunResumption(context)
      #expect(begun.send(bytes) == .failed(.peerAlert(alert)))
      #expect(begun.alert == nil)
    }
    let begun = try BegunResumption(context)
    #expect(begun.send(Self.ccs + begun.peer.sealTLS12(21, [2, 20])) == .failed(.peerAlert(20)))
    let warned = try BegunResumption(context)
    let warnings = Array(repeating: [21, 3, 3, 0, 2, 1, 90] as [UInt8], count: 32).flatMap { $0 }
    #expect(warned.send(warnings + warned.flight) == .established)
    try expectRefused(10, "too many warnings") { _ in warnings + [21, 3, 3, 0, 2, 1, 90] }
    try expectRefused(10, "too many empty records") { begun in
      Self.ccs + (0..<33).flatMap { _ in begun.peer.sealTLS12(22, []) }
    }
    try expectRefused(10, "a long alert") { _ in [21, 3, 3, 0, 3, 1, 90, 0] }
  }

  @Test func aFlightWithAnyBitChangedNeverEstablishes() throws {
    let count = try BegunResumption(context).flight.count
    #expect(count == 6 + 45)
    for index in 0..<count {
      let begun = try BegunResumption(context)
      var flight = begun.flight
      flight[index] ^= 1 << UInt8(index % 8)
      #expect(begun.send(flight) != .established, "byte \(index)")
    }
  }
}
