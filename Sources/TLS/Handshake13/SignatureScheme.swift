/// RFC 8446 section 4.2.3.
enum SignatureScheme {
  static let ecdsaP256: UInt16 = 0x0403
  static let ecdsaP384: UInt16 = 0x0503
  static let ecdsaP521: UInt16 = 0x0603
  static let rsaSHA256: UInt16 = 0x0804
  static let rsaSHA384: UInt16 = 0x0805
  static let rsaSHA512: UInt16 = 0x0806
  static let ed25519: UInt16 = 0x0807
  static let ed448: UInt16 = 0x0808

  /// By the names that a configuration has. Those of PKCS #1 are only for TLS 1.2, and no certificate's here.
  static let names: [String: UInt16] = [
    "ecdsa_secp256r1_sha256": ecdsaP256, "ecdsa_secp384r1_sha384": ecdsaP384,
    "ecdsa_secp521r1_sha512": ecdsaP521, "ed25519": ed25519, "ed448": ed448,
    "rsa_pss_rsae_sha256": rsaSHA256, "rsa_pss_rsae_sha384": rsaSHA384, "rsa_pss_rsae_sha512": rsaSHA512,
    "rsa_pss_pss_sha256": 0x0809, "rsa_pss_pss_sha384": 0x080a, "rsa_pss_pss_sha512": 0x080b,
    "rsa_pkcs1_sha256": 0x0401, "rsa_pkcs1_sha384": 0x0501, "rsa_pkcs1_sha512": 0x0601,
  ]

  /// OpenSSL's own order, for a configuration without one.
  static let standard: [UInt16] = [
    ecdsaP256, ecdsaP384, ecdsaP521, ed25519, ed448, 0x0809, 0x080a, 0x080b, rsaSHA256, rsaSHA384, rsaSHA512,
  ]
}
