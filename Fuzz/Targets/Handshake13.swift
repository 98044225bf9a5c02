import Basics

@testable import TLS

/// Any bytes as a client's first: what our own code answers OpenSSL answers too, and alike. And what the input describes
/// as a client's second flight: that ends the handshake the same way whatever the pieces it comes in, and never in a
/// connection.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  HandshakeScript.offer(input.bytes)
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

  private static let certificate = try! SelfSignedCertificate.make(names: ["localhost"])

  nonisolated(unsafe) private static let context = make(.tidegate)
  nonisolated(unsafe) private static let openSSL = make(.openssl)

  private static func make(_ handshake: TLSConfiguration.HandshakeChoice) -> TLSContext {
    var configuration = TLSConfiguration(certificates: [
      .init(
        certificate: .text(certificate.certificatePEM, name: "c"), key: .text(certificate.keyPEM, name: "k"))
    ])
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

  /// With TLS 1.3, AES-128-GCM, X25519 and ECDSA with P-256; the share is the base point.
  nonisolated(unsafe) private static let hello: UnsafeRawBufferPointer = {
    func part(_ bytes: [UInt8], _ lengthBytes: Int) -> [UInt8] {
      (0..<lengthBytes).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * (lengthBytes - 1 - $0))) } + bytes
    }
    func ext(_ type: UInt8, _ body: [UInt8]) -> [UInt8] { [0, type] + part(body, 2) }
    let share: [UInt8] = [9] + [UInt8](repeating: 0, count: 31)
    let extensions =
      ext(43, [2, 3, 4]) + ext(10, [0, 2, 0, 29]) + ext(13, [0, 2, 4, 3]) + ext(45, [1, 1])
      + ext(51, part([0, 29] + part(share, 2), 2))
    let body = [3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0] + part(extensions, 2)
    return copy([22, 3, 1] + part([1] + part(body, 3), 2))
  }()
}
