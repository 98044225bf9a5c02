public import Basics

/// What a proxy before us, or we before a backend, say of a connection (the PROXY protocol's specification,
/// versions 1 and 2).
public struct ProxyHeader: Hashable, Sendable {
  /// What the header says of the client's TLS.
  public struct TLS: Hashable, Sendable {
    /// Bits: 1 TLS, 2 a certificate on this connection, 4 one in this session.
    public var client: UInt8
    /// Zero exactly when the client's certificate was verified.
    public var verify: UInt32
    /// Such as `TLSv1.3`.
    public var version: [UInt8]
    public var cipher: [UInt8]
    /// Of the client's certificate's subject, in UTF-8.
    public var commonName: [UInt8] = []
    /// What the certificate that the client was shown is signed with, such as `RSA-SHA256`.
    public var signatureAlgorithm: [UInt8] = []
    /// And its key, such as `EC256`.
    public var keyAlgorithm: [UInt8] = []

    public init(client: UInt8 = 1, verify: UInt32 = 1, version: [UInt8] = [], cipher: [UInt8] = []) {
      self.client = client
      self.verify = verify
      self.version = version
      self.cipher = cipher
    }
  }

  /// True exactly when the sender speaks for itself, as a health check does: no addresses.
  public var isLocal: Bool
  /// Nil when it isn't known or isn't for us: the connection's own address counts.
  public var source: Endpoint?
  public var destination: Endpoint?
  public var alpn: [UInt8] = []
  public var authority: [UInt8] = []
  /// At most 128 bytes.
  public var uniqueID: [UInt8] = []
  public var tls: TLS?

  /// A client's connection.
  public init(source: Endpoint?, destination: Endpoint?) {
    isLocal = false
    self.source = source
    self.destination = destination
  }

  /// A connection of the sender's own.
  public static let local: ProxyHeader = {
    var header = ProxyHeader(source: nil, destination: nil)
    header.isLocal = true
    return header
  }()
}

/// What is known of a PROXY header whose bytes are still coming.
public enum ProxyHeaderScan: Hashable, Sendable {
  case incomplete
  /// The header and how many bytes it takes.
  case complete(ProxyHeader, length: Int)
  case malformed(ProxyHeaderError)
}

/// Why bytes are no PROXY header.
public enum ProxyHeaderError: Error, Hashable, Sendable {
  case signature
  case version
  /// An address or port that isn't one, or that is of another family than the header says.
  case address
  case tooLong
  /// A length that leads beyond the header.
  case structure
  case checksum
}

extension ProxyHeader {
  /// Looks at the bytes collected so far. What can't become a header of either version is refused at its
  /// first wrong byte.
  ///
  /// - Parameter limit: the longest header of version 2, bytes.
  public static func scan(_ bytes: Span<UInt8>, limit: Int = 4096) -> ProxyHeaderScan {
    guard bytes.count > 0 else { return .incomplete }
    do throws(ProxyHeaderError) {
      if bytes[0] == .carriageReturn { return try ProxyHeaderV2(limit: limit).scan(bytes) }
      return try ProxyHeaderV1().scan(bytes)
    } catch {
      return .malformed(error)
    }
  }
}
