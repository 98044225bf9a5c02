internal import COpenSSL

/// Asks OpenSSL what it shares with a client that offers everything, by a handshake that goes no further than that.
struct RulesInquiry: ~Copyable {
  /// NamedGroups by OpenSSL's numbers: all that it knows for TLS 1.3.
  private static let groupNumbers: [(name: Int32, group: UInt16)] = [
    (NID_X9_62_prime256v1, 23), (NID_secp384r1, 24), (NID_secp521r1, 25), (NID_X25519, 29), (NID_X448, 30),
    (NID_ffdhe2048, 256), (NID_ffdhe3072, 257), (NID_ffdhe4096, 258), (NID_ffdhe6144, 259),
    (NID_ffdhe8192, 260),
  ]

  private let ssl: OpaquePointer

  /// Nil when memory is short.
  init?(_ context: OpaquePointer, _ library: TLSLibrary) {
    defer { ERR_clear_error() }
    guard let ssl = SSL_new(context) else { return nil }
    self.ssl = ssl
    BIO_up_ref(library.bio)
    SSL_set_bio(ssl, library.bio, library.bio)
    SSL_set_accept_state(ssl)
    Self.hello.withUnsafeBytes {
      library.exchange.pointee = Exchange(input: $0.baseAddress, inputLeft: $0.count)
      // It comes to want room for its answer, or finds nothing that is shared.
      SSL_do_handshake(ssl)
    }
    library.exchange.pointee = Exchange()
  }

  deinit { SSL_free(ssl) }

  /// Of TLS 1.3, by their numbers in TLS, in order of preference.
  var suites: [UInt16] { supportedSuites(ssl) }

  var groups: [UInt16] {
    // SSL_get_shared_group; of -1 it gives their number.
    func shared(_ index: Int) -> Int { SSL_ctrl(ssl, SSL_CTRL_GET_SHARED_GROUP, index, nil) }
    return (0..<max(0, shared(-1))).compactMap { index in
      let name = shared(index)
      return Self.groupNumbers.first { $0.name == name }?.group
    }
  }

  /// SignatureSchemes, in order of preference; those of TLS 1.2 too.
  var schemes: [UInt16] {
    (0..<SSL_get_shared_sigalgs(ssl, 0, nil, nil, nil, nil, nil)).map { index in
      var (low, high): (UInt8, UInt8) = (0, 0)
      SSL_get_shared_sigalgs(ssl, index, nil, nil, nil, &low, &high)
      return UInt16(high) << 8 | UInt16(low)
    }
  }

  /// All groups and schemes, for a ClientHello of either version.
  static var extensions: [UInt8] {
    InquiryHello.field(ExtensionType.groups, InquiryHello.numbers(groupNumbers.map(\.group), 2))
      + InquiryHello.field(ExtensionType.signatureAlgorithms, InquiryHello.numbers(SignatureScheme.all, 2))
  }

  /// The share is the base point.
  private static let hello: [UInt8] = {
    let share = prefixed([0, 29] + prefixed([9] + [UInt8](repeating: 0, count: 31), 2), 2)
    return InquiryHello.make(
      suites: [0x1301, 0x1302, 0x1303],
      extensions: extensions + InquiryHello.field(ExtensionType.versions, InquiryHello.numbers([0x0304], 1))
        + InquiryHello.field(ExtensionType.shares, share))
  }()
}

/// The suites of all versions that are still open to choice, by their numbers in TLS, in order of preference.
func supportedSuites(_ ssl: OpaquePointer) -> [UInt16] {
  guard let list = SSL_get1_supported_ciphers(ssl) else { return [] }
  defer { OPENSSL_sk_free(list) }
  return (0..<OPENSSL_sk_num(list)).compactMap { index in
    OPENSSL_sk_value(list, index).map { SSL_CIPHER_get_protocol_id(OpaquePointer($0)) }
  }
}

/// A ClientHello (RFC 8446 section 4.1.2) that asks for what there is.
enum InquiryHello {
  /// In its record.
  static func make(suites: [UInt16], extensions: [UInt8]) -> [UInt8] {
    let body =
      [3, 3] + [UInt8](repeating: 0, count: 32) + [0] + numbers(suites, 2) + [1, 0] + prefixed(extensions, 2)
    return [ContentType.handshake, 3, 1] + prefixed([HandshakeType.clientHello] + prefixed(body, 3), 2)
  }

  static func field(_ type: Int, _ body: [UInt8]) -> [UInt8] {
    [UInt8(truncatingIfNeeded: type >> 8), UInt8(truncatingIfNeeded: type)] + prefixed(body, 2)
  }

  static func numbers(_ numbers: [UInt16], _ lengthBytes: Int) -> [UInt8] {
    prefixed(numbers.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }, lengthBytes)
  }
}
