internal import CAES

/// AES-GCM by the processor's own instructions, where it has them (`CAES`). What EVP does around a record costs
/// several times what a short record does itself.
struct AESGCM {
  let path: caes_path

  /// - Parameter path: one that this processor has.
  init(path: caes_path = caes_path_best()) { self.path = path }

  /// True exactly when records of this suite can be sealed and opened here.
  @inline(__always) func handles(suite: Int) -> Bool {
    path != caes_path_none && suite != RecordSuite.chaChaIndex
  }

  /// As `RecordCiphers.seal`.
  func seal(
    _ header: UnsafeMutableRawPointer, _ count: Int, suite: Int, key: UnsafeRawPointer,
    nonce: UnsafeRawPointer
  ) {
    caes_gcm_seal(
      path, key.octets, RecordSuite(index: UInt8(truncatingIfNeeded: suite)).keyCount, nonce.octets,
      header.assumingMemoryBound(to: UInt8.self), RecordLayer.headerCount, count)
  }

  /// As `RecordCiphers.open`.
  func open(
    _ header: UnsafeMutableRawPointer, _ count: Int, suite: Int, key: UnsafeRawPointer,
    nonce: UnsafeRawPointer
  ) -> Bool {
    caes_gcm_open(
      path, key.octets, RecordSuite(index: UInt8(truncatingIfNeeded: suite)).keyCount, nonce.octets,
      header.assumingMemoryBound(to: UInt8.self), RecordLayer.headerCount, count)
  }
}

extension UnsafeRawPointer {
  var octets: UnsafePointer<UInt8> { assumingMemoryBound(to: UInt8.self) }
}
