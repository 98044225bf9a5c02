import Basics
import COpenSSL
import Testing

@testable import TLS

/// Our own handshake beside OpenSSL's, over hellos that are wrong in every possible way.
@Suite struct Handshake13RobustnessTests {
  private enum Answer: Equatable {
    case hello
    case waits
    case alert(UInt8)
    case silence
  }

  /// What a server says first to a client's bytes, of which the exchange is made ahead for the first.
  private func answer(_ context: TLSContext, _ bytes: [UInt8], ahead first: [UInt8]? = nil) -> (
    Answer, isOwn: Bool
  ) {
    var session = TLSSession(context: context)!
    var output = [UInt8](repeating: 0, count: 20000)
    _ = (first ?? bytes).withUnsafeBytes { session.prepare(input: $0) }
    let progress = bytes.withUnsafeBytes { input in
      output.withUnsafeMutableBytes { session.handshake(input: input, output: $0) }
    }
    let isOwn = session.isOwn
    guard progress.produced > 0 else {
      if case .failed = progress.step { return (.silence, isOwn) }
      return (.waits, isOwn)
    }
    return (output[0] == 21 ? .alert(output[6]) : .hello, isOwn)
  }

  private func hello(_ options: TestClient.Options) -> [UInt8] {
    let client = TestClient(options)
    _ = client.handshake()
    return client.takeOutput()
  }

  /// Every bit of every byte; the one with tickets has OpenSSL's, so that both can judge them.
  @Test(arguments: ["P-256", "X25519:P-256"], [true, false])
  func everyChangedHelloIsAnsweredAsByOpenSSL(groups: String, isResuming: Bool) throws {
    let keys = try makeTicketKeys()
    let own = try makeOwnContext([.localhost, .localhostRSA], ticketKeys: keys)
    let other = try makeOpenSSLContext([.localhost, .localhostRSA], ticketKeys: keys)
    var options = TestClient.Options(protocols: ["http/1.1"], groups: groups, wantsStaple: true)
    if isResuming { options.session = converse(other)?.session }
    let hello = hello(options)
    var ownCount = 0
    for index in hello.indices {
      for bit in 0..<8 {
        var changed = hello
        changed[index] ^= 1 << UInt8(bit)
        let (ours, theirs) = (answer(own, changed), answer(other, changed))
        #expect(ours.0 == theirs.0, "bit \(bit) of byte \(index)")
        if ours.isOwn { ownCount += 1 }
        let late = answer(own, changed, ahead: hello)
        #expect(late == ours, "bit \(bit) of byte \(index), behind the exchange for what it was")
      }
    }
    // Most of the bits are random ones that both take.
    #expect(isResuming || ownCount > hello.count)
  }

  @Test func everyCutOrLengthenedHelloIsAnsweredAsByOpenSSL() throws {
    let (own, other) = (try makeOwnContext(), try makeOpenSSLContext())
    let hello = hello(.init(protocols: ["http/1.1"], groups: "P-256"))
    for count in 0..<hello.count {
      #expect(answer(own, Array(hello[..<count])).0 == .waits)
      // The record's length agrees, the message's doesn't.
      var cut = Array(hello[..<max(5, count)])
      (cut[3], cut[4]) = (UInt8((cut.count - 5) >> 8), UInt8((cut.count - 5) & 255))
      #expect(answer(own, cut).0 == answer(other, cut).0, "\(count)")
      // Both agree, and what is in the message ends early.
      guard cut.count >= 9 else { continue }
      (cut[6], cut[7], cut[8]) = (0, UInt8((cut.count - 9) >> 8), UInt8((cut.count - 9) & 255))
      #expect(answer(own, cut).0 == answer(other, cut).0, "\(count)")
    }
    let longer = hello + [0]
    #expect(answer(own, longer).0 != .waits)
  }

  @Test func changedExtensionsAreAnsweredAsByOpenSSL() throws {
    let (own, other) = (try makeOwnContext(), try makeOpenSSLContext())
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let hello = hello(.init(protocols: ["http/1.1"], groups: "P-256"))
    for _ in 0..<2000 {
      let type = Int.random(in: 0..<64, using: &generator)
      let count = Int.random(in: 0...12, using: &generator)
      let small = Bool.random(using: &generator)
      let body = (0..<count).map { _ in UInt8.random(in: 0...(small ? 4 : 255), using: &generator) }
      let changed = HelloEditing.insert(type, body, into: hello)
      #expect(answer(own, changed).0 == answer(other, changed).0, "extension \(type) of \(body)")
    }
  }

  @Test func aFlightWithAnyByteChangedNeverEstablishes() throws {
    let context = try makeOwnContext()
    let count = try BegunHandshake(context).flight.count
    // Neither the version in a record's header is looked at.
    for index in 0..<count where ![1, 2, 7, 8].contains(index) {
      let begun = try BegunHandshake(context)
      var flight = begun.flight
      flight[index] ^= 0x55
      #expect(begun.send(flight) != .established, "byte \(index)")
    }
  }

  @Test func randomBytesBehindAHelloAreRefusedOrWaitedFor() throws {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let context = try makeOwnContext()
    for _ in 0..<300 {
      let begun = try BegunHandshake(context)
      let count = Int.random(in: 1...100, using: &generator)
      var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      bytes[0] = UInt8.random(in: 20...23, using: &generator)
      #expect(begun.send(bytes) { Int.random(in: 1...count, using: &generator) } != .established)
    }
    #expect(converse(context)?.isOwn == true)
  }
}
