import Basics
import CAES
import COpenSSL

/// A record's key, nonce, header and content; random ones.
struct Record {
  var key: [UInt8]
  var nonce: [UInt8]
  /// The header and the content.
  var clear: [UInt8]
  var headerCount = headerCounts[0]

  static let headerCounts = [Int(caes_header_count), Int(caes_long_header_count)]
  static let tagCount = Int(caes_tag_count)

  init(key: [UInt8], nonce: [UInt8], clear: [UInt8]) {
    self.key = key
    self.nonce = nonce
    self.clear = clear
  }

  init(keyCount: Int, headerCount: Int, count: Int, using generator: inout SeededGenerator) {
    func bytes(_ count: Int) -> [UInt8] {
      (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
    key = bytes(keyCount)
    nonce = bytes(Int(caes_nonce_count))
    self.headerCount = headerCount
    clear = bytes(headerCount + count)
  }

  /// Bytes of content.
  var count: Int { clear.count - headerCount }

  /// Bytes of the record as it is sealed.
  var sealedCount: Int { clear.count + Self.tagCount }

  /// Header, ciphertext and tag, made in `memory`, whose beginning they take.
  func sealed(by path: caes_path, in memory: UnsafeMutableRawBufferPointer) -> [UInt8] {
    memory.copyBytes(from: clear)
    let record = memory.baseAddress!.assumingMemoryBound(to: UInt8.self)
    caes_gcm_seal(path, key, key.count, nonce, record, headerCount, count)
    return Array(memory.prefix(sealedCount))
  }

  func sealed(by path: caes_path) -> [UInt8] {
    withUnsafeTemporaryAllocation(byteCount: sealedCount, alignment: 1) { sealed(by: path, in: $0) }
  }

  /// Opens a sealed record in `memory`, and tells what stands there then.
  func opened(
    _ sealed: [UInt8], by path: caes_path, in memory: UnsafeMutableRawBufferPointer
  ) -> (isRight: Bool, bytes: [UInt8]) {
    memory.copyBytes(from: sealed)
    let record = memory.baseAddress!.assumingMemoryBound(to: UInt8.self)
    let isRight = caes_gcm_open(
      path, key, key.count, nonce, record, headerCount, sealed.count - headerCount - Self.tagCount)
    return (isRight, Array(memory.prefix(sealed.count)))
  }

  func opened(_ sealed: [UInt8], by path: caes_path) -> (isRight: Bool, bytes: [UInt8]) {
    withUnsafeTemporaryAllocation(byteCount: sealed.count, alignment: 1) { opened(sealed, by: path, in: $0) }
  }

  /// The same by OpenSSL, which is the reference.
  func sealedByOpenSSL() -> [UInt8] {
    let context = EVP_CIPHER_CTX_new()
    defer { EVP_CIPHER_CTX_free(context) }
    var sealed = clear + [UInt8](repeating: 0, count: Self.tagCount)
    var done: Int32 = 0
    let cipher = key.count == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm()
    sealed.withUnsafeMutableBufferPointer { bytes in
      let body = bytes.baseAddress! + headerCount
      let isDone =
        EVP_EncryptInit_ex(context, cipher, nil, key, nonce) == 1
        && EVP_EncryptUpdate(context, nil, &done, bytes.baseAddress!, Int32(headerCount)) == 1
        && EVP_EncryptUpdate(context, body, &done, body, Int32(count)) == 1
        && EVP_EncryptFinal_ex(context, body + count, &done) == 1
        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagCount), body + count) == 1
      precondition(isDone)
    }
    return sealed
  }
}

/// What this processor has.
let paths = [caes_path_aesni, caes_path_avx2, caes_path_avx512].filter {
  $0.rawValue <= caes_path_best().rawValue
}

/// To be printed by tests that fail now and then.
func randomSeed() -> UInt64 {
  let seed = UInt64.random(in: 0...(.max))
  print("seed \(seed)")
  return seed
}
