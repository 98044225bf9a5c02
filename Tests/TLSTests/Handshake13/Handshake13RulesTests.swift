import Basics
import COpenSSL
import Testing

@testable import TLS

/// What the client may send in its second flight, and what it may not (RFC 8446 sections 4.4.4, 5, 6).
@Suite struct Handshake13RulesTests {
  private func expectRefused(
    _ context: TLSContext, _ alert: Int32, _ what: String, _ bytes: (BegunHandshake) -> [UInt8]
  ) throws {
    for part in [Int.max, 1] {
      let begun = try BegunHandshake(context)
      let end = begun.send(bytes(begun)) { part }
      #expect(end == .failed(.recordError(alert: UInt8(alert))), "\(what)")
      #expect(begun.alert == alert, "\(what)")
      // Nothing is taken any more.
      begun.link.pending = begun.flight
      #expect(begun.link.handshakeOnce(begun.client, .max) == end)
      #expect(begun.link.pending == begun.flight)
    }
  }

  @Test func aWrongFinishedIsRefused() throws {
    let context = try makeOwnContext()
    for index in [4, 20, 35] {
      try expectRefused(context, 51, "byte \(index) of the Finished") { begun in
        var finished = begun.finished
        finished[index] ^= 1
        return begun.seal(finished + [22])
      }
    }
    try expectRefused(context, 50, "a short Finished") {
      $0.seal([20, 0, 0, 31] + $0.finished[4..<35] + [22])
    }
    try expectRefused(context, 50, "a long Finished") {
      $0.seal([20, 0, 0, 33] + $0.finished[4...] + [0, 22])
    }
    try expectRefused(context, 10, "something behind the Finished") { $0.seal($0.finished + [20, 22]) }
  }

  @Test func otherMessagesAreRefused() throws {
    let context = try makeOwnContext()
    for type in (0...255 as ClosedRange<UInt8>) where type != 20 {
      let begun = try BegunHandshake(context)
      #expect(begun.send(begun.seal([type, 0, 0, 1, 0, 22])) == .failed(.recordError(alert: 10)))
    }
    try expectRefused(context, 10, "data before the Finished") { $0.seal([1, 2, 3, 23]) }
    try expectRefused(context, 10, "an encrypted change_cipher_spec") { $0.seal([1, 20]) }
    try expectRefused(context, 10, "an empty handshake record") { $0.seal([22]) }
    try expectRefused(context, 10, "nothing but padding") { $0.seal([0, 0, 0]) }
    try expectRefused(context, 10, "another type of content") { $0.seal([1, 99]) }
  }

  @Test func aFinishedMayBeSplitAndPaddedButNotInterrupted() throws {
    let context = try makeOwnContext()
    for part in [Int.max, 3] {
      let begun = try BegunHandshake(context)
      let finished = begun.finished
      var flight: [UInt8] = []
      for byte in finished { flight += begun.seal([byte, 22] + [UInt8](repeating: 0, count: 500)) }
      #expect(begun.send(flight) { part } == .established)
    }
    let padded = try BegunHandshake(context)
    let padding = [UInt8](repeating: 0, count: RecordLayer.plaintextLimit - padded.finished.count)
    #expect(padded.send(padded.seal(padded.finished + [22] + padding)) { 1000 } == .established)
    try expectRefused(context, 22, "too much padding") {
      $0.seal($0.finished + [22] + [UInt8](repeating: 0, count: RecordLayer.plaintextLimit))
    }
    for between in [[20, 3, 3, 0, 1, 1], nil] as [[UInt8]?] {
      try expectRefused(context, 10, "an interruption") { begun in
        let first = begun.seal(begun.finished[..<10] + [22])
        return first + (between ?? begun.seal([1, 90, 21])) + begun.seal(begun.finished[10...] + [22])
      }
    }
  }

  @Test func changeCipherSpecsAreDroppedWithinReason() throws {
    let context = try makeOwnContext()
    let dropped: [UInt8] = [20, 3, 3, 0, 1, 1]
    for count in [0, 1, 2, 32] {
      let begun = try BegunHandshake(context)
      let all = [[UInt8]](repeating: dropped, count: count).flatMap(\.self)
      #expect(begun.send(all + begun.seal(begun.finished + [22])) == .established)
    }
    try expectRefused(context, 10, "too many") { _ in [[UInt8]](repeating: dropped, count: 33).flatMap(\.self)
    }
    try expectRefused(context, 10, "another value") { _ in [20, 3, 3, 0, 1, 2] }
    try expectRefused(context, 10, "another length") { _ in [20, 3, 3, 0, 2, 1, 1] }
    try expectRefused(context, 10, "an empty one") { _ in [20, 3, 3, 0, 0] }
  }

  @Test func recordsThatAreNoneAreRefused() throws {
    let context = try makeOwnContext()
    try expectRefused(context, 20, "a changed byte") { begun in
      var record = begun.seal(begun.finished + [22])
      record[record.count - 1] ^= 1
      return record
    }
    try expectRefused(context, 20, "no room for a tag") { _ in [23, 3, 3, 0, 16] }
    try expectRefused(context, 22, "a long record") { _ in [23, 3, 3, 0x41, 1] }
    try expectRefused(context, 10, "a handshake in the clear") { _ in [22, 3, 3, 0, 4, 20, 0, 0, 0] }
    try expectRefused(context, 10, "an unknown type") { _ in [99, 3, 3, 0, 1, 0] }
    try expectRefused(context, 10, "a second ClientHello") { _ in [22, 3, 1, 1, 0] }
  }

  @Test func theClientsAlertsAreNamed() throws {
    let context = try makeOwnContext()
    let clear = try BegunHandshake(context)
    #expect(clear.send([21, 3, 3, 0, 2, 2, 48]) == .failed(.peerAlert(48)))
    #expect(clear.alert == nil)
    let sealed = try BegunHandshake(context)
    #expect(sealed.send(sealed.seal([2, 42, 21])) == .failed(.peerAlert(42)))
    let goodbye = try BegunHandshake(context)
    #expect(goodbye.send(goodbye.seal([1, 0, 21])) == .failed(.peerAlert(0)))
    let canceled = try BegunHandshake(context)
    #expect(
      canceled.send(canceled.seal([1, 90, 21]) + canceled.seal(canceled.finished + [22])) == .established)
    try expectRefused(context, 50, "a short alert") { $0.seal([2, 21]) }
    try expectRefused(context, 10, "an alert in the clear among encrypted records") {
      $0.seal([1, 90, 21]) + [21, 3, 3, 0, 2, 2, 48]
    }
  }

  /// Behind the ClientHello in the same input: a client that can't go on.
  @Test func anAlertThatComesAtOnceIsTaken() throws {
    let client = TestClient()
    let link = Link(try makeOwnContext())
    _ = client.handshake()
    link.pending = client.takeOutput() + [21, 3, 3, 0, 2, 2, 80]
    #expect(link.handshakeOnce(client, .max) == .failed(.peerAlert(80)))
    #expect(link.pending.isEmpty)
  }
}
