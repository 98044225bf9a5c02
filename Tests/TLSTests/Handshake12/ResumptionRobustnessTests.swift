import Basics
import COpenSSL
import Testing

@testable import TLS

/// Our own resumption beside OpenSSL's, over hellos that are wrong in every possible way.
@Suite struct ResumptionRobustnessTests {
  private enum Answer: Equatable {
    /// The ServerHello's record, without what is random.
    case hello([UInt8])
    case waits
    case alert(UInt8)
    case silence
  }

  private let keys: TicketKeys
  private let own: TLSContext
  private let other: TLSContext

  init() throws {
    keys = try makeTicketKeys()
    own = try makeOwnContext([.localhost, .localhostRSA], ticketKeys: keys)
    other = try makeOpenSSLContext([.localhost, .localhostRSA], ticketKeys: keys)
  }

  /// What a server says first to a client's bytes.
  private func answer(_ context: TLSContext, _ bytes: [UInt8]) -> (Answer, isOwn: Bool) {
    var session = TLSSession(context: context)!
    var output = [UInt8](repeating: 0, count: 20000)
    let progress = bytes.withUnsafeBytes { input in
      output.withUnsafeMutableBytes { session.handshake(input: input, output: $0) }
    }
    let isOwn = session.isOwn
    guard progress.produced > 0 else {
      if case .failed = progress.step { return (.silence, isOwn) }
      return (.waits, isOwn)
    }
    guard output[0] == 22 else { return (.alert(output[6]), isOwn) }
    let length = Int(output[3]) << 8 | Int(output[4])
    // All but the first 24 bytes of the random: the last eight say whether it is a downgrade's, or are random too.
    var hello = Array(output[..<(5 + length)])
    for index in 11..<35 { hello[index] = 0 }
    if !hello[35..<43].elementsEqual(ResumptionRules.downgradeMark) {
      for index in 35..<43 { hello[index] = 0 }
    }
    return (.hello(hello), isOwn)
  }

  private func hello(_ options: TestClient.Options) -> [UInt8] {
    let client = TestClient(options)
    _ = client.handshake()
    return client.takeOutput()
  }

  private func resumingHello(_ suite: String = "ALL") throws -> [UInt8] {
    var options = TestClient.Options(
      version: TLS1_2_VERSION, protocols: ["http/1.1"], ciphers: suite, wantsStaple: true)
    options.session = try fullSession(own, options)
    return hello(options)
  }

  private func expectSame(_ hello: [UInt8], _ what: String) -> Bool {
    let (ours, theirs) = (answer(own, hello), answer(other, hello))
    #expect(ours.0 == theirs.0, "\(what)")
    return ours.isOwn
  }

  /// Every bit of every byte.
  @Test(arguments: [
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384",
  ])
  func everyChangedHelloIsAnsweredAsByOpenSSL(suites: String) throws {
    let hello = try resumingHello(suites)
    #expect(expectSame(hello, "as it is"))
    var ownCount = 0
    for index in hello.indices {
      for bit in 0..<8 {
        var changed = hello
        changed[index] ^= 1 << UInt8(bit)
        if expectSame(changed, "bit \(bit) of byte \(index)") { ownCount += 1 }
      }
    }
    // The random and the session's name: both take any.
    #expect(ownCount > 8 * 64)
  }

  @Test func everyCutHelloIsAnsweredAsByOpenSSL() throws {
    let hello = try resumingHello()
    for count in 0..<hello.count {
      // The record's length agrees, the message's doesn't.
      var cut = Array(hello[..<max(5, count)])
      (cut[3], cut[4]) = (UInt8((cut.count - 5) >> 8), UInt8((cut.count - 5) & 255))
      _ = expectSame(cut, "\(count)")
      // Both agree, and what is in the message ends early.
      guard cut.count >= 9 else { continue }
      (cut[6], cut[7], cut[8]) = (0, UInt8((cut.count - 9) >> 8), UInt8((cut.count - 9) & 255))
      _ = expectSame(cut, "\(count)")
    }
  }

  @Test func moreExtensionsAreAnsweredAsByOpenSSL() throws {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let hello = try resumingHello()
    var ownCount = 0
    for _ in 0..<3000 {
      let type = [Int.random(in: 0..<64, using: &generator), 0xff01, 13172].randomElement(using: &generator)!
      let count = Int.random(in: 0...12, using: &generator)
      let small = Bool.random(using: &generator)
      let body = (0..<count).map { _ in UInt8.random(in: 0...(small ? 4 : 255), using: &generator) }
      if expectSame(HelloEditing.insert(type, body, into: hello), "extension \(type) of \(body)") {
        ownCount += 1
      }
    }
    #expect(ownCount > 100)
  }

  /// Signals among the suites, and suites that go.
  @Test func otherSuitesAreAnsweredAsByOpenSSL() throws {
    let hello = try resumingHello("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
    let place = 9 + 34 + 1 + 32 + 2
    #expect(hello[place - 1] == 6)
    for index in 0..<3 {
      for suite in [0x5600, 0x00ff, 0xc02b, 0xc02c, 0xc02f, 0x1301, 0x0a0a, 0x002f] {
        var changed = hello
        (changed[place + 2 * index], changed[place + 2 * index + 1]) = (UInt8(suite >> 8), UInt8(suite & 255))
        _ = expectSame(changed, "suite \(suite) at \(index)")
      }
    }
  }

  @Test func aTicketWithAnyByteChangedIsNoTicket() throws {
    let session = try fullSession(own)
    var ticket: UnsafePointer<UInt8>?
    var count = 0
    SSL_SESSION_get0_ticket(session.pointer, &ticket, &count)
    let bytes = Array(UnsafeBufferPointer(start: ticket, count: count))
    func isOpen(_ bytes: [UInt8]) -> Bool {
      bytes.withUnsafeBytes { StoredSession.open($0, own) { _ in true } } != nil
    }
    #expect(isOpen(bytes))
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 0x10
      #expect(!isOpen(changed), "byte \(index)")
      #expect(!isOpen(Array(bytes[..<index])))
    }
    #expect(!isOpen(bytes + [0]))
  }
}
