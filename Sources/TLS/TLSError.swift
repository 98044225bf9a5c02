internal import COpenSSL

/// What is wrong with a TLS configuration, in one line that names the file.
public struct TLSError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// A file can't be read.
    case unreadable
    /// A file holds no certificate or key in PEM.
    case notPEM
    /// A key is protected by a password; nobody is there to type it.
    case encryptedKey
    /// A key belongs to another certificate.
    case keyMismatch
    /// The certificate can't be used: a kind of key that we don't serve, or too weak.
    case unusable
    /// Nothing of the user's making: OpenSSL refused a set-up that always works.
    case library
  }

  public var kind: Kind
  /// Which of the configuration's certificates, from 0; nil where it isn't about one.
  public var certificateIndex: Int?
  public var description: String

  init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// OpenSSL refused `action`; its reason, which is on the thread's error queue, is appended.
  static func library(_ action: String) -> TLSError {
    TLSError(.library, "OpenSSL cannot \(action): \(takeReason())")
  }

  /// Empties the thread's error queue and gives the first reason in OpenSSL's words.
  static func takeReason() -> String {
    let code = ERR_get_error()
    ERR_clear_error()
    guard code != 0, let text = ERR_reason_error_string(code) else { return "no reason given" }
    return String(cString: text)
  }
}
