internal import COpenSSL

/// What OpenSSL makes of a resumption of TLS 1.2 in a configuration: asked by a hello that wants all that ours takes
/// for granted. Its answer, of a full handshake that goes no further, says what it would do.
struct ResumptionRules {
  /// True exactly when it gives tickets, whose master secrets are bound to their handshakes. Its security level, and the
  /// machine's own configuration, may forbid that.
  private(set) var isAllowed = false
  /// Bits by index of `RecordSuite`.
  private var suites: UInt16 = 0
  /// True exactly when the server's random says that TLS 1.3 could have been had (RFC 8446 section 4.1.3).
  private(set) var marksDowngrade = false

  /// What stands at the random's end then.
  static let downgradeMark: [UInt8] = Array("DOWNGRD".utf8) + [1]

  func allows(_ suite: UInt8) -> Bool { isAllowed && suites & 1 << UInt16(suite) != 0 }

  init(asking context: OpaquePointer, _ library: TLSLibrary) {
    defer { ERR_clear_error() }
    guard let ssl = SSL_new(context) else { return }
    defer { SSL_free(ssl) }
    let supported = supportedSuites(ssl)
    for suite in supported.compactMap({ RecordSuite.indexTLS12(of: CipherSuite(id: $0)) }) {
      suites |= 1 << UInt16(suite)
    }
    BIO_up_ref(library.bio)
    SSL_set_bio(ssl, library.bio, library.bio)
    SSL_set_accept_state(ssl)
    // More than its ServerHello: the rest may be cut off.
    var answer = [UInt8](repeating: 0, count: 16384)
    Self.hello(supported).withUnsafeBytes { hello in
      answer.withUnsafeMutableBytes { answer in
        library.exchange.pointee = Exchange(
          input: hello.baseAddress, inputLeft: hello.count, output: answer.baseAddress,
          outputLeft: answer.count)
        SSL_do_handshake(ssl)
        library.exchange.pointee = Exchange()
      }
    }
    answer.withUnsafeBytes { read($0) }
  }

  private static func hello(_ suites: [UInt16]) -> [UInt8] {
    InquiryHello.make(
      suites: suites,
      extensions: RulesInquiry.extensions + InquiryHello.field(ExtensionType.renegotiationInfo, [0])
        + InquiryHello.field(ExtensionType.pointFormats, [1, 0])
        + InquiryHello.field(ExtensionType.extendedMasterSecret, [])
        + InquiryHello.field(ExtensionType.sessionTicket, []))
  }

  private mutating func read(_ answer: UnsafeRawBufferPointer) {
    var record = ByteCursor(answer)
    guard record.number(1) == Int(ContentType.handshake), record.number(2) == 0x0303,
      let message = record.part(2)
    else { return }
    var content = ByteCursor(message)
    guard content.number(1) == Int(HandshakeType.serverHello), let body = content.part(3) else { return }
    var hello = ByteCursor(body)
    guard hello.number(2) == 0x0303, let random = hello.take(32), hello.part(1) != nil, hello.take(3) != nil,
      let list = hello.onlyPart(2)
    else { return }
    var (hasTicket, hasExtendedMasterSecret, hasRenegotiationInfo) = (false, false, false)
    var extensions = ByteCursor(list)
    while let type = extensions.number(2), extensions.part(2) != nil {
      switch type {
      case ExtensionType.sessionTicket: hasTicket = true
      case ExtensionType.extendedMasterSecret: hasExtendedMasterSecret = true
      case ExtensionType.renegotiationInfo: hasRenegotiationInfo = true
      default: break
      }
    }
    isAllowed = hasTicket && hasExtendedMasterSecret && hasRenegotiationInfo
    marksDowngrade = random.suffix(8).elementsEqual(Self.downgradeMark)
  }
}
