internal import COpenSSL

/// Why a TLS connection broke. All of these are a peer's doing or its misfortune, except for `internalError`.
public enum TLSFailure: Equatable, Sendable {
  /// The first bytes are no TLS record: plain HTTP on a TLS port, or anything else.
  case notTLS
  /// The client supports none of the versions that we allow.
  case unsupportedVersion
  /// No cipher suite, group or signature algorithm in common.
  case noSharedCipher
  /// The client wants other application protocols (RFC 7301) than ours only.
  case noApplicationProtocol
  /// The peer sent a fatal alert (RFC 8446 section 6.2).
  case peerAlert(UInt8)
  /// The client's certificate was missing or not acceptable.
  case certificate
  /// The peer broke the protocol. The reason is one of OpenSSL's `SSL_R_` codes.
  case protocolError(reason: Int32)
  /// The peer sent something that our handshake or our record layer refuses, with this alert (RFC 8446 section 6.2).
  case recordError(alert: UInt8)
  /// OpenSSL failed for want of memory or by a fault of its own or ours.
  case internalError
}

extension TLSFailure: CustomStringConvertible {
  /// A short label, for logs.
  public var description: String {
    switch self {
    case .notTLS: "not TLS"
    case .unsupportedVersion: "unsupported version"
    case .noSharedCipher: "no shared cipher"
    case .noApplicationProtocol: "no application protocol"
    case .peerAlert(let alert): "alert \(alert) from the peer"
    case .certificate: "certificate"
    case .protocolError(let reason): "protocol error \(reason)"
    case .recordError(let alert): "refused with alert \(alert)"
    case .internalError: "internal error"
    }
  }
}

extension TLSFailure {
  /// Empties the thread's error queue and says what it was about.
  /// - Parameter started: whether a ClientHello's header had been read.
  static func takeFromQueue(started: Bool) -> TLSFailure {
    var failure = TLSFailure.internalError
    var isDecided = false
    while true {
      let code = ERR_get_error()
      if code == 0 { return failure }
      // The record layer and the state machine name the cause; what other libraries add is a detail of it.
      guard !isDecided, shim_ERR_GET_LIB(code) == ERR_LIB_SSL, shim_ERR_FATAL_ERROR(code) == 0 else {
        continue
      }
      failure = TLSFailure(reason: shim_ERR_GET_REASON(code), started: started)
      isDecided = true
    }
  }

  private init(reason: Int32, started: Bool) {
    switch reason {
    case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST:
      self = .notTLS
    case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_WRONG_SSL_VERSION,
      SSL_R_INAPPROPRIATE_FALLBACK:
      self = .unsupportedVersion
    case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS,
      SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SUITABLE_GROUPS:
      self = .noSharedCipher
    case SSL_R_NO_APPLICATION_PROTOCOL:
      self = .noApplicationProtocol
    case SSL_R_CERTIFICATE_VERIFY_FAILED, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      self = .certificate
    case SSL_AD_REASON_OFFSET...(SSL_AD_REASON_OFFSET + 255):
      self = .peerAlert(UInt8(truncatingIfNeeded: reason - SSL_AD_REASON_OFFSET))
    default:
      self = started ? .protocolError(reason: reason) : .notTLS
    }
  }
}
