internal import CAES

/// AES-GCM by the processor's own instructions, where it has them (`CAES`). What EVP does around a record costs
/// several times what a short record does itself.
struct AESGCM {
  let path: caes_path

  /// - Parameter path: one that this processor has.
  init(path: caes_path = caes_path_best()) { self.path = path }

  /// True exactly when records of this cipher can be sealed and opened here.
  @inline(__always) func handles(cipher: Int) -> Bool {
    path != caes_path_none && cipher != RecordSuite.chaCha
  }

  /// Bytes of a cipher's key.
  private func keyCount(_ cipher: Int) -> Int { cipher == 0 ? 16 : 32 }

  /// As `RecordCiphers.seal`.
  func seal(
    _ header: UnsafeMutableRawPointer, _ headerCount: Int, _ count: Int, cipher: Int, key: UnsafeRawPointer,
    nonce: UnsafeRawPointer
  ) {
    caes_gcm_seal(path, key.octets, keyCount(cipher), nonce.octets, header.octets, headerCount, count)
  }

  /// As `RecordCiphers.open`.
  func open(
    _ header: UnsafeMutableRawPointer, _ headerCount: Int, _ count: Int, cipher: Int, key: UnsafeRawPointer,
    nonce: UnsafeRawPointer
  ) -> Bool {
    caes_gcm_open(path, key.octets, keyCount(cipher), nonce.octets, header.octets, headerCount, count)
  }
}

extension UnsafeRawPointer {
  var octets: UnsafePointer<UInt8> { assumingMemoryBound(to: UInt8.self) }
}
