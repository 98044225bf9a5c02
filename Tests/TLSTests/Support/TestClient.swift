import COpenSSL
@testable import TLS

/// An OpenSSL client over memory BIOs: the peer that we didn't write.
final class TestClient {
  struct Options {
    /// Exactly this version; nil for whatever comes.
    var version: Int32? = nil
    var serverName: String? = "localhost"
    var protocols: [String] = []
    var signatureAlgorithms: String? = nil
    /// TLS 1.3.
    var cipherSuites: String? = nil
    /// TLS 1.2 and older.
    var ciphers: String? = nil
    /// A session to be resumed; the client takes a reference of its own.
    var session: Session? = nil
    /// What the client shows when it is asked.
    var certificate: TestCertificate? = nil
    var groups: String? = nil
    /// True exactly when it asks for an OCSP response.
    var wantsStaple = false
    /// OpenSSL's options for the connection.
    var flags: UInt64 = 0
    /// Whose OpenSSL it is; nil for the process's own, which has nothing of ours.
    var library: TLSLibrary? = nil
  }

  final class Session {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { SSL_SESSION_free(pointer) }
  }

  enum Step: Equatable {
    case done, waits
    /// With the reason: 1000 and the alert's number for an alert received.
    case failed(Int32)
  }

  let ssl: OpaquePointer
  private let context: OpaquePointer
  private let library: TLSLibrary?
  private let incoming: OpaquePointer
  private let outgoing: OpaquePointer

  init(_ options: Options = Options()) {
    library = options.library
    context = SSL_CTX_new_ex(library?.context, nil, TLS_client_method())
    if let version = options.version {
      shim_SSL_CTX_set_min_proto_version(context, version)
      shim_SSL_CTX_set_max_proto_version(context, version)
    }
    SSL_CTX_set_security_level(context, 0)
    if let list = options.signatureAlgorithms {
      precondition(shim_SSL_CTX_set1_sigalgs_list(context, list) == 1)
    }
    if let list = options.cipherSuites { precondition(SSL_CTX_set_ciphersuites(context, list) == 1) }
    if let list = options.ciphers { precondition(SSL_CTX_set_cipher_list(context, list) == 1) }
    if let list = options.groups { precondition(shim_SSL_CTX_set1_groups_list(context, list) == 1) }
    if let certificate = options.certificate {
      certificate.withObjects { [context] certificate, key in
        precondition(SSL_CTX_use_certificate(context, certificate) == 1)
        precondition(SSL_CTX_use_PrivateKey(context, key) == 1)
      }
    }
    ssl = SSL_new(context)
    SSL_set_options(ssl, options.flags)
    // SSL_set_tlsext_status_type, SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE.
    if options.wantsStaple { SSL_ctrl(ssl, 65, Int(TLSEXT_STATUSTYPE_ocsp), nil) }
    incoming = BIO_new(BIO_s_mem())
    outgoing = BIO_new(BIO_s_mem())
    SSL_set_bio(ssl, incoming, outgoing)
    SSL_set_connect_state(ssl)
    if let name = options.serverName { shim_SSL_set_tlsext_host_name(ssl, name) }
    let wire = options.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    if !wire.isEmpty { SSL_set_alpn_protos(ssl, wire, UInt32(wire.count)) }
    if let session = options.session { SSL_set_session(ssl, session.pointer) }
  }

  deinit {
    SSL_free(ssl)
    SSL_CTX_free(context)
  }

  func receive(_ bytes: some Collection<UInt8>) {
    let bytes = Array(bytes)
    guard !bytes.isEmpty else { return }
    precondition(BIO_write(incoming, bytes, Int32(bytes.count)) == Int32(bytes.count))
  }

  func takeOutput() -> [UInt8] {
    let count = Int(BIO_ctrl_pending(outgoing))
    guard count > 0 else { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = Int(BIO_read(outgoing, buffer.baseAddress, Int32(count)))
    }
  }

  func handshake() -> Step {
    ERR_clear_error()
    return step(SSL_do_handshake(ssl))
  }

  private func step(_ result: Int32) -> Step {
    if result == 1 { return .done }
    let error = SSL_get_error(ssl, result)
    if error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE { return .waits }
    let reason = shim_ERR_GET_REASON(ERR_peek_error())
    ERR_clear_error()
    return .failed(reason)
  }

  /// All data that has come, and how it ended: `waits` for more, `done` by close_notify.
  func read() -> (bytes: [UInt8], step: Step) {
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 16384)
    while true {
      ERR_clear_error()
      let count = SSL_read(ssl, &part, Int32(part.count))
      if count > 0 {
        bytes += part[..<Int(count)]
        continue
      }
      if SSL_get_error(ssl, count) == SSL_ERROR_ZERO_RETURN { return (bytes, .done) }
      return (bytes, step(count))
    }
  }

  func write(_ bytes: [UInt8]) {
    precondition(bytes.isEmpty || SSL_write(ssl, bytes, Int32(bytes.count)) == Int32(bytes.count))
  }

  func closeNotify() { SSL_shutdown(ssl) }

  var session: Session? { SSL_get1_session(ssl).map(Session.init) }
  var isResumed: Bool { SSL_session_reused(ssl) == 1 }
  var version: Int32 { SSL_version(ssl) }
  var cipherID: UInt16 { SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)) }

  /// The OCSP response that came; nil when none did.
  var staple: [UInt8]? {
    // SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP.
    var bytes: UnsafePointer<UInt8>?
    let count = withUnsafeMutablePointer(to: &bytes) { SSL_ctrl(ssl, 70, 0, UnsafeMutableRawPointer($0)) }
    guard count > 0, let bytes else { return nil }
    return Array(UnsafeBufferPointer(start: bytes, count: count))
  }

  /// The kind of key in the server's certificate (EVP_PKEY_EC, EVP_PKEY_RSA).
  var serverKeyType: Int32 {
    guard let certificate = SSL_get1_peer_certificate(ssl) else { return 0 }
    defer { X509_free(certificate) }
    return EVP_PKEY_get_base_id(X509_get0_pubkey(certificate))
  }

  /// The common name in the server's certificate.
  var serverCommonName: String? {
    guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
    defer { X509_free(certificate) }
    let subject = X509_get_subject_name(certificate)
    let index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
    guard let value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)) else { return nil }
    return String(cString: ASN1_STRING_get0_data(value))
  }

  var applicationProtocol: String? {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(ssl, &name, &count)
    return name.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(count)), as: UTF8.self) }
  }
}
