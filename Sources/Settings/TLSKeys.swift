internal import Basics

// The tables of the keys of a listener's TLS.

extension Settings.TLS {
  static var type: ValueType<Self> {
    .mapping(
      "TLS", keys, make: { _ in Self(certificates: []) },
      finish: { tls, reader in
        guard tls.clientCA == nil, reader.isSound("client_ca") else { return }
        if tls.clientCertificates != nil {
          reader.report("client_certificates", "client certificates need the key \"client_ca\"")
        }
        if tls.clientCRL != nil {
          reader.report("client_crl", "a list of revoked certificates needs the key \"client_ca\"")
        }
      })
  }

  static var keys: [Key<Self>] {
    [
      Key(
        "certificates", \.certificates, .nonemptyList(of: Certificate.type).comparedAsWhole(),
        required: true),
      Key("minimum_version", \.minimumVersion, .word),
      Key("record_layer", \.recordLayer, .word),
      Key("handshake", \.handshake, .word),
      Key("tickets", \.tickets, Tickets.type),
      Key("client_ca", optional: \.clientCA, .located(.path())),
      Key("client_crl", optional: \.clientCRL, .located(.path())),
      Key("client_certificates", optional: \.clientCertificates, .word),
      Key("ciphers", \.ciphers, .oneOrMore(.located(.ciphers))),
      Key("cipher_suites", \.cipherSuites, .oneOrMore(.located(.algorithm))),
      Key("groups", \.groups, .oneOrMore(.located(.algorithm))),
      Key("signature_algorithms", \.signatureAlgorithms, .oneOrMore(.located(.algorithm))),
    ]
  }
}

extension Settings.TLS.Tickets {
  static var type: ValueType<Self> {
    .mapping(
      "tickets", keys, make: { _ in Self() },
      finish: { tickets, reader in
        guard !tickets.keys.isEmpty, tickets.fleetSecret != nil else { return }
        reader.report("fleet_secret", "tickets have either \"keys\" or a \"fleet_secret\"")
      })
  }

  /// RFC 8446, 4.6.1: no client may use a ticket for longer than seven days.
  static var keys: [Key<Self>] {
    [
      Key("lifetime", \.lifetime, .duration(.seconds(60) ... .seconds(7 * 86400))),
      Key("keys", \.keys, .oneOrMore(.located(.path()))),
      Key("fleet_secret", optional: \.fleetSecret, .located(.path())),
    ]
  }
}

extension Settings.TLS.Certificate {
  static var type: ValueType<Self> {
    .mapping("a certificate", keys, make: { Self(certificate: "", key: "", location: $0) })
  }

  static var keys: [Key<Self>] {
    [
      Key("certificate", \.certificate, .path(), required: true),
      Key("key", \.key, .path(), required: true),
      Key("ocsp", optional: \.ocsp, .located(.path())),
    ]
  }
}

extension ValueType where Value == Settings.Located {
  /// A text that keeps its place.
  static func located(_ type: ValueType<String>) -> Self {
    Self(expected: type.expected, show: { type.show($0.text) }) { node, reading in
      type.read(node, reading).map { Settings.Located($0, at: node.location) }
    }
  }
}

extension ValueType where Value == String {
  /// What TLS calls an algorithm; whether there is one is OpenSSL's to say.
  static var algorithm: Self {
    scalar("a name such as X25519 or TLS_AES_128_GCM_SHA256", show: quoted) { text in
      let isValid =
        (1...100).contains(text.utf8.count)
        && text.utf8.allSatisfy { (0x21...0x7e).contains($0) && !":,\"".utf8.contains($0) }
      return isValid ? text : nil
    }
  }

  /// One cipher, or several between colons.
  static var ciphers: Self {
    scalar("ciphers in OpenSSL's notation such as ECDHE+AESGCM:!SHA1", show: quoted) { text in
      let isValid =
        (1...4096).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
      return isValid ? text : nil
    }
  }
}
