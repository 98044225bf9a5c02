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

  /// All that OpenSSL knows, for certificates of any kind; those of PKCS #1, which are only for TLS 1.2, too.
  static let all: [UInt16] = [
    ecdsaP256, ecdsaP384, ecdsaP521, ed25519, ed448, 0x0809, 0x080a, 0x080b, rsaSHA256, rsaSHA384, rsaSHA512,
    0x0401, 0x0501, 0x0601,
  ]
}
