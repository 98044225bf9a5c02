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
    /// A file holds no keys of session tickets, or no fleet secret.
    case badTicketKeys
    /// An OCSP response that can't be stapled to its certificate.
    case badStaple
    /// A list of revoked certificates that isn't its authority's.
    case badRevocations
    /// A word that OpenSSL doesn't know: a cipher, a group, a signature algorithm.
    case unknownWord
    /// Nothing of the user's making: OpenSSL refused a set-up that always works.
    case library
  }

  /// What of the configuration it is about; numbers are places in its lists, from 0.
  public enum Subject: Sendable, Equatable {
    case certificate(Int)
    /// The staple of a certificate.
    case staple(Int)
    case ticketKeys(Int)
    case fleetSecret
    case clientCertificateAuthorities
    case clientRevocations
    case ciphers(Int)
    case cipherSuites(Int)
    case groups(Int)
    case signatureAlgorithms(Int)
  }

  public var kind: Kind
  /// Nil where it is about none of it.
  public var subject: Subject?
  public var description: String

  init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// Which of the configuration's certificates; nil where it isn't about one.
  public var certificateIndex: Int? {
    if case .certificate(let index) = subject { index } else { nil }
  }

  /// The same, about this.
  func about(_ subject: Subject) -> TLSError {
    var error = self
    error.subject = subject
    return error
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
