internal import Basics
internal import COpenSSL

/// One key that session tickets are sealed with: a public name, and two secrets that are wiped when the last
/// holder lets go (RFC 5077 section 4).
final class TicketKey: @unchecked Sendable {
  static let nameCount = 16
  static let secretCount = 32

  /// name(16) | AES-256 key(32) | HMAC-SHA256 key(32). Never written again after init, so threads can share
  /// it.
  private let bytes: UnsafeMutableRawBufferPointer
  /// When it was made; decides when it is replaced and when forgotten.
  let made: MonotonicTime

  /// Nil when no random bytes are to be had.
  init?(made: MonotonicTime) {
    bytes = .allocate(byteCount: Self.nameCount + 2 * Self.secretCount, alignment: 8)
    self.made = made
    guard RAND_priv_bytes(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count)) == 1
    else {
      ERR_clear_error()
      return nil
    }
  }

  deinit {
    OPENSSL_cleanse(bytes.baseAddress, bytes.count)
    bytes.deallocate()
  }

  var name: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[..<Self.nameCount]) }
  var cipherKey: UnsafeMutableRawPointer { bytes.baseAddress! + Self.nameCount }
  var authenticationKey: UnsafeMutableRawPointer { bytes.baseAddress! + Self.nameCount + Self.secretCount }
}
