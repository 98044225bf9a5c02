import COpenSSL

/// OpenSSL's settings for the clients of a run. Certificates are not verified: the peer is our own.
///
/// Where OpenSSL's interface is a macro, the control function behind it is called with the macro's number.
final class TLSClientContext {
  struct Refused: Error, CustomStringConvertible {
    var description: String
  }

  let pointer: OpaquePointer

  init(version: TLSChoice, groups: String?, cipher: String?) throws {
    pointer = SSL_CTX_new(TLS_client_method())!
    let number = version == .tls12 ? 0x0303 : 0x0304
    SSL_CTX_ctrl(pointer, 123, number, nil)  // SSL_CTX_set_min_proto_version
    SSL_CTX_ctrl(pointer, 124, number, nil)  // SSL_CTX_set_max_proto_version
    SSL_CTX_ctrl(pointer, 33, 1 | 2 | 16, nil)  // mode: partial writes, moving buffer, release buffers
    SSL_CTX_ctrl(pointer, 44, 1 | 0x300, nil)  // session cache: client, kept by us alone
    SSL_CTX_sess_set_new_cb(pointer, keepSession)
    try set(groups, "groups") { SSL_CTX_ctrl(pointer, 92, 0, UnsafeMutableRawPointer(mutating: $0)) == 1 }
    try set(cipher, "cipher") {
      (version == .tls12 ? SSL_CTX_set_cipher_list(pointer, $0) : SSL_CTX_set_ciphersuites(pointer, $0)) == 1
    }
  }

  deinit { SSL_CTX_free(pointer) }

  private func set(_ text: String?, _ what: String, _ apply: (UnsafePointer<CChar>) -> Bool) throws {
    guard let text else { return }
    guard text.withCString(apply) else { throw Refused(description: "OpenSSL knows no \(what) \(text)") }
  }
}

/// The newest session that a server gave a client.
///
/// Kept as bytes: OpenSSL marks a 1.3 session object as used up once it was offered, and clients share them.
final class SessionBox {
  var bytes: [UInt8]?
  /// Sessions that came, over all connections.
  var received = 0

  fileprivate func keep(_ session: OpaquePointer) {
    received += 1
    var encoded = [UInt8](repeating: 0, count: Int(i2d_SSL_SESSION(session, nil)))
    encoded.withUnsafeMutableBufferPointer {
      var cursor = $0.baseAddress
      _ = i2d_SSL_SESSION(session, &cursor)
    }
    bytes = encoded
  }

  /// Offers the session on a connection that hasn't begun yet.
  func offer(on ssl: OpaquePointer) {
    guard let bytes else { return }
    bytes.withUnsafeBufferPointer {
      var cursor = $0.baseAddress
      guard let session = d2i_SSL_SESSION(nil, &cursor, $0.count) else { return }
      SSL_set_session(ssl, session)
      SSL_SESSION_free(session)
    }
  }
}

private func keepSession(_ ssl: OpaquePointer?, _ session: OpaquePointer?) -> Int32 {
  guard let ssl, let session, let box = SSL_get_ex_data(ssl, 0) else { return 0 }
  Unmanaged<SessionBox>.fromOpaque(box).takeUnretainedValue().keep(session)
  return 0
}
