/// The types of what may follow the addresses in a PROXY header of version 2 (sections 2.2.1 to 2.2.6 of its
/// specification). The last five stand within `tls`.
public enum ProxyHeaderPart: UInt8, Sendable {
  case alpn = 0x01
  case authority = 0x02
  case checksum = 0x03
  case uniqueID = 0x05
  case tls = 0x20
  case tlsVersion = 0x21
  case tlsCommonName = 0x22
  case tlsCipher = 0x23
  case tlsSignatureAlgorithm = 0x24
  case tlsKeyAlgorithm = 0x25

  /// The most bytes that a part of ours has: a header has to be shorter than a segment, and some receivers have
  /// room for 536 bytes only where they don't expect more. No server name or protocol is longer.
  private var limit: Int { self == .uniqueID ? ProxyHeader.uniqueIDLimit : 255 }

  /// Appends a part. Nothing where the text is empty, or longer than `limit`: half a name is another name.
  public func append(_ text: String, to output: inout [UInt8]) { append(text.utf8, to: &output) }

  func append(_ value: some Collection<UInt8>, to output: inout [UInt8]) {
    let count = value.count
    guard count > 0, count <= limit else { return }
    output.append(rawValue)
    output.appendBigEndian(UInt64(count), 2)
    output.append(contentsOf: value)
  }
}

extension ProxyHeader {
  /// Bytes of a unique identifier at most (section 2.2.5).
  static let uniqueIDLimit = 128

  /// What is known of TLS, as texts: nothing that would have to be copied into arrays first.
  public struct TLSTexts {
    public var client: UInt8
    public var verify: UInt32
    public var version: String
    public var cipher: String
    public var commonName: String
    public var signatureAlgorithm: String
    public var keyAlgorithm: String

    /// - Parameter verify: zero exactly when a client's certificate was verified.
    public init(
      client: UInt8, verify: UInt32, version: String, cipher: String, commonName: String = "",
      signatureAlgorithm: String = "", keyAlgorithm: String = ""
    ) {
      self.client = client
      self.verify = verify
      self.version = version
      self.cipher = cipher
      self.commonName = commonName
      self.signatureAlgorithm = signatureAlgorithm
      self.keyAlgorithm = keyAlgorithm
    }

    /// Appends the part that tells of TLS.
    public func append(to output: inout [UInt8]) {
      ProxyHeader.appendTLS(client, verify, to: &output) { output in
        ProxyHeaderPart.tlsVersion.append(version, to: &output)
        ProxyHeaderPart.tlsCommonName.append(commonName, to: &output)
        ProxyHeaderPart.tlsCipher.append(cipher, to: &output)
        ProxyHeaderPart.tlsSignatureAlgorithm.append(signatureAlgorithm, to: &output)
        ProxyHeaderPart.tlsKeyAlgorithm.append(keyAlgorithm, to: &output)
      }
    }
  }

  /// Appends all parts but the checksum.
  /// - Parameter withTLS: false leaves out what only who has ended the client's TLS can say: `alpn`,
  ///   `authority` and `tls`.
  public func appendParts(to output: inout [UInt8], withTLS: Bool = true) {
    if withTLS {
      ProxyHeaderPart.alpn.append(alpn, to: &output)
      ProxyHeaderPart.authority.append(authority, to: &output)
    }
    ProxyHeaderPart.uniqueID.append(uniqueID.prefix(Self.uniqueIDLimit), to: &output)
    guard withTLS, let tls else { return }
    Self.appendTLS(tls.client, tls.verify, to: &output) { output in
      ProxyHeaderPart.tlsVersion.append(tls.version, to: &output)
      ProxyHeaderPart.tlsCommonName.append(tls.commonName, to: &output)
      ProxyHeaderPart.tlsCipher.append(tls.cipher, to: &output)
      ProxyHeaderPart.tlsSignatureAlgorithm.append(tls.signatureAlgorithm, to: &output)
      ProxyHeaderPart.tlsKeyAlgorithm.append(tls.keyAlgorithm, to: &output)
    }
  }

  private static func appendTLS(
    _ client: UInt8, _ verify: UInt32, to output: inout [UInt8], _ texts: (inout [UInt8]) -> Void
  ) {
    let start = output.count
    output.append(ProxyHeaderPart.tls.rawValue)
    output.appendBigEndian(0, 2)
    output.append(client)
    output.appendBigEndian(UInt64(verify), 4)
    texts(&output)
    output.setBigEndian16(output.count - start - 3, at: start + 1)
  }
}

extension [UInt8] {
  /// The lowest `count` bytes of a number, in network byte order.
  mutating func appendBigEndian(_ value: UInt64, _ count: Int) {
    for place in (0..<count).reversed() { append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(place)))) }
  }

  mutating func setBigEndian16(_ value: Int, at index: Int) {
    assert(value <= 65535)
    self[index] = UInt8(truncatingIfNeeded: value >> 8)
    self[index + 1] = UInt8(truncatingIfNeeded: value)
  }
}
