import Basics
import COpenSSL

@testable import TLS

/// The content of an authentic ticket: what we read of it OpenSSL reads too, and alike. Extensions of a ClientHello that
/// resumes such a session: what our own code answers OpenSSL answers too, and alike. And a client's second flight that the
/// input describes: that ends the handshake the same way whatever the pieces it comes in, and never in a connection.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  guard let first = input.bytes.first else { return 0 }
  let rest = Array(input.bytes.dropFirst())
  switch first % 3 {
  case 0: ResumptionScript.read(rest)
  case 1: ResumptionScript.offer(rest)
  default:
    let lengths = rest.isEmpty ? [1] : rest.suffix(4).map { Int($0) + 1 }
    expectSame(ResumptionScript.answer(rest, [.max]), ResumptionScript.answer(rest, lengths))
  }
  return 0
}

private enum ResumptionScript {
  /// What a handshake has come to.
  struct Answer: Equatable {
    var step: HandshakeProgress.Step
    var consumed: Int
  }

  nonisolated(unsafe) private static let library = try! TLSLibrary()
  private static let certificate = try! SelfSignedCertificate.make(names: ["localhost"])
  private static let keys = try! TicketKeys(
    lifetime: .seconds(1000), now: MonotonicTime(nanoseconds: 0), wallTime: WallTime(seconds: 0))
  nonisolated(unsafe) private static let context = make(.tidegate)
  nonisolated(unsafe) private static let openSSL = make(.openssl)

  private static func make(_ handshake: TLSConfiguration.HandshakeChoice) -> TLSContext {
    var configuration = TLSConfiguration(certificates: [
      .init(
        certificate: .text(certificate.certificatePEM, name: "c"), key: .text(certificate.keyPEM, name: "k"))
    ])
    configuration.recordLayer = .tidegate
    configuration.handshake = handshake
    return try! TLSContext(configuration, library: library, ticketKeys: keys)
  }

  nonisolated(unsafe) private static let output = UnsafeMutableRawBufferPointer.allocate(
    byteCount: 32768, alignment: 16)

  /// In memory of its own, so that the sanitizer sees its ends.
  private static func copy(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    memory.copyBytes(from: bytes)
    return UnsafeRawBufferPointer(memory)
  }

  // MARK: Tickets

  /// A ticket with any content, as OpenSSL would make it.
  private static func seal(_ content: [UInt8]) -> [UInt8] {
    let key = keys.sealing
    let padding = 16 - content.count % 16
    var plain = content + [UInt8](repeating: UInt8(padding), count: padding)
    let vector = [UInt8](repeating: 5, count: 16)
    let isSealed = plain.withUnsafeMutableBytes { plain in
      vector.withUnsafeBytes {
        library.ticketCiphers.apply(seals: true, key, small: nil, vector: $0.baseAddress!, plain)
      }
    }
    precondition(isSealed)
    let covered = Array(key.name) + vector + plain
    var code = [UInt8](repeating: 0, count: 32)
    var keyed = copenssl_keyed()
    copenssl_keyed_start(&keyed, 32, key.authenticationKey, key.size.rawValue)
    copenssl_keyed_hash(&keyed, covered, covered.count, &code)
    return covered + code
  }

  static func read(_ content: [UInt8]) {
    let ticket = copy(seal(content))
    defer { ticket.deallocate() }
    _ = StoredSession.open(ticket, context) { session -> Bool? in
      content.withUnsafeBufferPointer { bytes in
        var next = bytes.baseAddress
        // OpenSSL may think less of it, as it looks into what we pass over.
        guard let theirs = d2i_SSL_SESSION(nil, &next, bytes.count) else {
          ERR_clear_error()
          return
        }
        defer { SSL_SESSION_free(theirs) }
        precondition(SSL_SESSION_get_protocol_version(theirs) == TLS1_2_VERSION)
        precondition(SSL_SESSION_get0_cipher(theirs).map { SSL_CIPHER_get_protocol_id($0) } == session.suite)
        var secret = [UInt8](repeating: 0, count: 48)
        precondition(SSL_SESSION_get_master_key(theirs, &secret, 48) == 48)
        precondition(session.masterSecret.elementsEqual(secret))
        precondition(session.given.seconds == 0 || SSL_SESSION_get_time(theirs) == Int(session.given.seconds))
        precondition(session.lifetime == 0 || SSL_SESSION_get_timeout(theirs) == Int(session.lifetime))
      }
      return nil
    }
  }

  // MARK: Hellos

  private static func part(_ bytes: [UInt8], _ lengthBytes: Int) -> [UInt8] {
    (0..<lengthBytes).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * (lengthBytes - 1 - $0))) } + bytes
  }

  private static func ext(_ type: UInt8, _ body: [UInt8]) -> [UInt8] { [0, type] + part(body, 2) }

  /// TLS 1.2, ECDSA with AES-128-GCM, of a time that never ends.
  private static let ticket: [UInt8] = {
    func field(_ tag: UInt8, _ body: [UInt8]) -> [UInt8] { [tag, UInt8(body.count)] + body }
    let fields =
      field(2, [1]) + field(2, [3, 3]) + field(4, [0xc0, 0x2b]) + field(4, [])
      + field(4, [UInt8](repeating: 3, count: 48)) + field(0xa1, field(2, [1]))
      + field(0xa2, field(2, [0x7f, 0, 0, 0, 0])) + field(0xa4, field(4, context.identity))
      + field(0xad, field(2, [1]))
    return seal([0x30, 0x81, UInt8(fields.count)] + fields)
  }()

  private static func hello(_ extensions: [UInt8]) -> [UInt8] {
    let all = ext(35, ticket) + ext(23, []) + extensions
    let body =
      [3, 3] + [UInt8](repeating: 7, count: 32) + part([UInt8](repeating: 9, count: 32), 1)
      + [0, 4, 0xc0, 0x2b, 0, 0xff, 1, 0] + part(all, 2)
    return [22, 3, 1] + part([1] + part(body, 3), 2)
  }

  static func offer(_ extensions: [UInt8]) {
    let input = copy(hello(extensions))
    defer { input.deallocate() }
    var progress = HandshakeProgress(step: .wantsInput, consumed: 0, produced: 0)
    guard let offer = Offer.read(input), !offer.offersTLS13 else { return }
    let begun = Resumption.begin(offer, context, output: output, progress: &progress)
    guard begun != nil else { return }
    precondition(progress.consumed == input.count && progress.produced <= output.count)
    let ours = outline(progress.produced)
    var session = OpenSSLSession(context: openSSL)!
    expectSame(ours, outline(session.handshake(input: input, output: output).produced))
  }

  /// Of the flight in the output: its length, and the ServerHello without what is random.
  private static func outline(_ count: Int) -> [UInt8] {
    guard count > 43 else { return Array(output[..<count]) }
    return [UInt8(truncatingIfNeeded: count)] + output[..<11] + output[35..<(5 + Int(output[4]))]
  }

  // MARK: Second flights

  static func answer(_ script: [UInt8], _ lengths: [Int]) -> Answer {
    var progress = HandshakeProgress(step: .wantsInput, consumed: 0, produced: 0)
    let first = copy(hello([]))
    defer { first.deallocate() }
    guard let offer = Offer.read(first),
      let handshake = Resumption.begin(offer, context, output: output, progress: &progress)
    else { preconditionFailure("the hello isn't taken") }
    var rest = stream(script, handshake)[...]
    var answer = Answer(step: .wantsInput, consumed: 0)
    var turn = 0
    while !rest.isEmpty, answer.step == .wantsInput {
      let piece = copy(Array(rest.prefix(lengths[turn % lengths.count])))
      defer { piece.deallocate() }
      (rest, turn) = (rest.dropFirst(piece.count), turn + 1)
      let progress = handshake.goOn(context, input: piece, output: output)
      precondition(progress.step != .done && progress.step != .wantsRoom)
      precondition(progress.step != .wantsInput || progress.consumed == piece.count)
      answer.step = progress.step
      answer.consumed += progress.consumed
    }
    return answer
  }

  /// Triples of a kind, a length and as many bytes, made into what a client sends.
  private static func stream(_ script: [UInt8], _ handshake: borrowing Resumption) -> [UInt8] {
    var client = makePeer(handshake)
    var stream: [UInt8] = []
    var rest = script[...]
    while let kind = rest.popFirst(), let length = rest.popFirst() {
      let content = Array(rest.prefix(Int(length)))
      rest = rest.dropFirst(content.count)
      switch kind % 6 {
      case 0: stream += content
      case 1: stream += [20, 3, 3, 0, 1, 1]
      case 2: stream += seal(22, content, &client)
      case 3: stream += seal(22, [20, 0, 0, 12] + content, &client)
      case 4: stream += seal(21, content, &client)
      default: stream += seal(length, content, &client)
      }
    }
    return stream
  }

  private static func makePeer(_ handshake: borrowing Resumption) -> RecordLayer {
    let state =
      switch handshake.memory.state.pointee.records {
      case .some(let records): records.memory
      case .none: preconditionFailure("there are no records")
      }
    let shape = RecordSuite(index: handshake.memory.state.pointee.suite)
    func bytes(_ offset: Int, _ count: Int) -> [UInt8] {
      Array(UnsafeRawBufferPointer(start: state + offset, count: count))
    }
    let block =
      bytes(shape.key(.sending), shape.keyCount) + bytes(shape.key(.receiving), shape.keyCount)
      + bytes(shape.iv(.sending), shape.derivedIVCount) + bytes(shape.iv(.receiving), shape.derivedIVCount)
    let memory = copy(block)
    defer { memory.deallocate() }
    return RecordLayer(tls12: handshake.memory.state.pointee.suite, keyBlock: memory.baseAddress!)
  }

  private static func seal(_ type: UInt8, _ content: [UInt8], _ client: inout RecordLayer) -> [UInt8] {
    let prefix = client.suite.prefixCount
    var record = [UInt8](repeating: 0, count: prefix) + content
    record += [UInt8](repeating: 0, count: RecordSuite.tagCount)
    let isSealed = record.withUnsafeMutableBytes {
      client.sealTLS12(type, $0.baseAddress! + prefix, content.count, library)
    }
    precondition(isSealed)
    return record
  }
}
