import Basics

@testable import TLS

/// Any bytes as a client's first: what our own code answers OpenSSL answers too, and alike. What comes of a ClientHello
/// is the same when the key exchange was made ahead of it, for itself or for another one. And what the input describes as a
/// client's second flight: that ends the handshake the same way whatever the pieces it comes in, and never in a connection.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  HandshakeScript.offer(input.bytes)
  HandshakeScript.goOn(behind: input.bytes)
  let lengths = input.bytes.isEmpty ? [1] : input.bytes.suffix(4).map { Int($0) + 1 }
  expectSame(HandshakeScript.answer(input.bytes, [.max]), HandshakeScript.answer(input.bytes, lengths))
  return 0
}

private enum HandshakeScript {
  /// What a handshake has come to.
  struct Answer: Equatable {
    var step: HandshakeProgress.Step
    var consumed: Int
  }

  nonisolated(unsafe) private static let library = try! TLSLibrary()

  private static let certificates = ["localhost", "one.example", "a.b"].map {
    try! SelfSignedCertificate.make(names: [$0])
  }

  nonisolated(unsafe) private static let context = make(.tidegate)
  nonisolated(unsafe) private static let openSSL = make(.openssl)

  private static func make(_ handshake: TLSConfiguration.HandshakeChoice) -> TLSContext {
    var configuration = TLSConfiguration(
      certificates: certificates.map {
        .init(certificate: .text($0.certificatePEM, name: "c"), key: .text($0.keyPEM, name: "k"))
      })
    configuration.applicationProtocols = ["h2", "http/1.1"]
    configuration.recordLayer = .tidegate
    configuration.handshake = handshake
    return try! TLSContext(
      configuration, library: library,
      ticketKeys: TicketKeys(
        lifetime: .seconds(1000), now: MonotonicTime(nanoseconds: 0), wallTime: WallTime(seconds: 0)))
  }

  nonisolated(unsafe) private static let output = UnsafeMutableRawBufferPointer.allocate(
    byteCount: 32768, alignment: 16)

  /// As the first bytes of a client: read, and answered where they are a hello that OpenSSL would answer.
  static func offer(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    var progress = HandshakeProgress(step: .wantsInput, consumed: 0, produced: 0)
    let input = copy(bytes)
    defer { input.deallocate() }
    guard let offer = Offer.read(input), offer.offersTLS13 else { return }
    let begun = Handshake13.begin(
      offer, context, prepared: Handshake13.prepare(offer, context), output: output, progress: &progress)
    precondition(progress.consumed <= bytes.count && progress.produced <= output.count)
    guard begun != nil else { return }
    let ours = outline(progress.produced)
    var session = OpenSSLSession(context: openSSL)!
    let hello = UnsafeRawBufferPointer(rebasing: input[..<progress.consumed])
    expectSame(ours, outline(session.handshake(input: hello, output: output).produced))
  }

  /// Of a ServerHello in the output: the record's type and length, which the share's group and the session's name
  /// decide. Not the suite: see `HandshakeRules.prefersChaCha`.
  private static func outline(_ count: Int) -> [UInt8] {
    count > 6 ? [output[0]] + output[3...5] : Array(output[..<count])
  }

  // MARK: The exchange made ahead

  /// What a session has come to with a client's first bytes, as far as it doesn't depend on chance.
  private struct Outcome: Equatable {
    var step: HandshakeProgress.Step
    var consumed: Int
    var outline: [UInt8]
    var isOwn: Bool
    var isResumption: Bool
    var served: ObjectIdentifier?
    var suite: UInt8?
    var group: UInt16?
    var name: String?
    var applicationProtocol: String?
  }

  /// The record that the bytes begin with is a hello, and what stands behind it says what comes ahead of it. Bytes that
  /// are no record say that of one of ours.
  static func goOn(behind bytes: [UInt8]) {
    guard bytes.count > 5 else { return }
    let number = Int(bytes[1]) % 2
    var (hello, rest) = (hellos[number], Array(bytes[2...]))
    if bytes[0] == 22 {
      let end = min(bytes.count, 5 + Int(bytes[3]) << 8 + Int(bytes[4]))
      (hello, rest) = (Array(bytes[..<end]), Array(bytes[end...]))
    }
    let other = hellos[1 - number]
    let alone = outcome([], hello)
    expectSame(alone, outcome([hello, hello], hello))
    switch rest.first.map({ $0 % 5 }) {
    case nil: break
    case 0: expectSame(alone, outcome([changed(hello, rest)], hello))
    case 1: expectSame(outcome([], other), outcome([hello], other))
    case 2: expectSame(alone, outcome([other, hello], hello))
    case 3: expectSame(alone, outcome([Array(hello.dropLast(1 + rest.count)), hello], hello))
    default: expectSame(outcome([], hello + rest), outcome([hello], hello + rest))
    }
  }

  /// With bytes of it replaced, in pairs of a place and a difference.
  private static func changed(_ hello: [UInt8], _ differences: [UInt8]) -> [UInt8] {
    var (hello, rest) = (hello, differences.dropFirst())
    while let high = rest.popFirst(), let low = rest.popFirst(), let difference = rest.popFirst() {
      hello[(Int(high) << 8 | Int(low)) % hello.count] ^= difference
    }
    return hello
  }

  /// Answers the hello in a session that has prepared for these before.
  private static func outcome(_ prepared: [[UInt8]], _ hello: [UInt8]) -> Outcome {
    var session = TLSSession(context: context)!
    var isPrepared = false
    for bytes in prepared {
      let input = copy(bytes)
      let isNew = session.prepare(input: input)
      input.deallocate()
      precondition(!isNew || !isPrepared, "prepared twice")
      isPrepared = isPrepared || isNew
      precondition(isPrepared == (session.own != nil))
    }
    let input = copy(hello)
    defer { input.deallocate() }
    let progress = session.handshake(input: input, output: output)
    let ways = [session.own != nil, session.resumption != nil, session.openSSL != nil]
    precondition(ways.filter { $0 }.count == 1, "whose handshake it is: \(ways)")
    let state = session.own?.state.pointee
    if let state { check(state, session.own?.memory.bytes(.shared, 32).map { $0 } ?? []) }
    return Outcome(
      step: progress.step, consumed: progress.consumed, outline: outline(progress.produced), isOwn: ways[0],
      isResumption: ways[1], served: (session.own?.served).map { ObjectIdentifier($0) }, suite: state?.suite,
      group: state?.group, name: session.serverName, applicationProtocol: session.applicationProtocol)
  }

  /// Nothing is left of the exchange that could be used again.
  private static func check(_ state: HandshakeState, _ secret: [UInt8]) {
    precondition(state.isBegun && state.shareCount == 0 && secret.allSatisfy { $0 == 0 })
  }

  // MARK: The second flight

  /// The second flight of a client whose ClientHello was in order, in pieces of these lengths.
  static func answer(_ script: [UInt8], _ lengths: [Int]) -> Answer {
    var progress = HandshakeProgress(step: .wantsInput, consumed: 0, produced: 0)
    guard let offer = Offer.read(hello),
      var handshake = Handshake13.begin(offer, context, prepared: nil, output: output, progress: &progress)
    else { preconditionFailure("the hello isn't taken") }
    var rest = stream(script, handshake)[...]
    var answer = Answer(step: .wantsInput, consumed: 0)
    var turn = 0
    while !rest.isEmpty, answer.step == .wantsInput {
      let piece = copy(Array(rest.prefix(lengths[turn % lengths.count])))
      defer { piece.deallocate() }
      (rest, turn) = (rest.dropFirst(piece.count), turn + 1)
      let progress = handshake.goOn(input: piece, output: output)
      precondition(progress.step != .done && progress.step != .wantsRoom)
      precondition(progress.step != .wantsInput || progress.consumed == piece.count)
      answer.step = progress.step
      answer.consumed += progress.consumed
    }
    return answer
  }

  /// In memory of its own, so that the sanitizer sees its ends.
  private static func copy(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    memory.copyBytes(from: bytes)
    return UnsafeRawBufferPointer(memory)
  }

  /// Triples of a kind, a length and as many bytes, made into what a client sends.
  private static func stream(_ script: [UInt8], _ handshake: borrowing Handshake13) -> [UInt8] {
    var stream: [UInt8] = []
    var rest = script[...]
    var sealed: UInt8 = 0
    while let kind = rest.popFirst(), let length = rest.popFirst() {
      let content = Array(rest.prefix(Int(length)))
      rest = rest.dropFirst(content.count)
      switch kind % 6 {
      case 0: stream += content
      case 1: stream += [20, 3, 3, 0, 1, 1]
      case 2: stream += seal(content + [22], &sealed, handshake)
      case 3: stream += seal([20, 0, 0, 32] + content + [22], &sealed, handshake)
      case 4:
        stream += seal(content + [22] + [UInt8](repeating: 0, count: Int(length) * 64), &sealed, handshake)
      default: stream += seal(content, &sealed, handshake)
      }
    }
    return stream
  }

  private static func seal(
    _ inner: [UInt8], _ sealed: inout UInt8, _ handshake: borrowing Handshake13
  ) -> [UInt8] {
    let count = inner.count + 16
    var record = [23, 3, 3, UInt8(count >> 8), UInt8(count & 255)] + inner + [UInt8](repeating: 0, count: 16)
    var nonce = Array(UnsafeRawBufferPointer(start: handshake.memory[.iv], count: 12))
    nonce[11] ^= sealed
    sealed &+= 1
    let key = UnsafeRawPointer(handshake.memory[.key])
    let isSealed = record.withUnsafeMutableBytes { record in
      nonce.withUnsafeBytes {
        library.records.seal(record.baseAddress!, inner.count, cipher: 0, key: key, nonce: $0.baseAddress!)
      }
    }
    precondition(isSealed)
    return record
  }

  /// With X25519, whose base point is the share.
  nonisolated(unsafe) private static let hello = copy(hello(29, [9] + [UInt8](repeating: 0, count: 31)))

  /// Those that our own code answers.
  private static let hellos = [
    Array(hello),
    // With P-256 and its base point, a name and a protocol.
    hello(
      23,
      [
        4, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
        0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f,
        0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce,
        0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
      ],
      ext(0, part([0] + part(Array("one.example".utf8), 2), 2)) + ext(16, part([2] + Array("h2".utf8), 2))),
  ]

  private static func part(_ bytes: [UInt8], _ lengthBytes: Int) -> [UInt8] {
    (0..<lengthBytes).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * (lengthBytes - 1 - $0))) } + bytes
  }

  private static func ext(_ type: UInt8, _ body: [UInt8]) -> [UInt8] { [0, type] + part(body, 2) }

  /// With TLS 1.3, AES-128-GCM and ECDSA with P-256.
  private static func hello(_ group: UInt8, _ share: [UInt8], _ more: [UInt8] = []) -> [UInt8] {
    let extensions =
      more + ext(43, [2, 3, 4]) + ext(10, [0, 2, 0, group]) + ext(13, [0, 2, 4, 3]) + ext(45, [1, 1])
      + ext(51, part([0, group] + part(share, 2), 2))
    let body = [3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0] + part(extensions, 2)
    return [22, 3, 1] + part([1] + part(body, 3), 2)
  }
}
