internal import Basics
internal import COpenSSL

/// One key that session tickets are sealed with: a public name, and two secrets that are wiped when the last
/// holder lets go (RFC 5077 section 4).
final class TicketKey: @unchecked Sendable {
  /// How much of each secret there is: AES-128-CBC and 16 bytes for HMAC-SHA256, or AES-256-CBC and 32.
  enum Size: Int {
    case small = 16
    case large = 32

    /// What a key takes with its name: 48 or 80.
    var byteCount: Int { TicketKey.nameCount + 2 * rawValue }

    init?(byteCount: Int) {
      switch byteCount {
      case Size.small.byteCount: self = .small
      case Size.large.byteCount: self = .large
      default: return nil
      }
    }
  }

  static let nameCount = 16

  let size: Size
  /// When it was made; for the reader of a list.
  let created: WallTime
  /// name(16) | AES key | HMAC key. Never written again after init, so threads can share it.
  private let bytes: UnsafeMutableRawBufferPointer

  /// Nil when `fill`, which gets the key's bytes to write, can't.
  init?(_ size: Size, created: WallTime, fill: (UnsafeMutableRawBufferPointer) -> Bool) {
    self.size = size
    self.created = created
    bytes = .allocate(byteCount: size.byteCount, alignment: 8)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    guard fill(bytes) else { return nil }
  }

  /// Nil when no random bytes are to be had.
  static func random(created: WallTime) -> TicketKey? {
    TicketKey(.large, created: created) { bytes in
      if RAND_priv_bytes(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count)) == 1 {
        return true
      }
      ERR_clear_error()
      return false
    }
  }

  deinit {
    OPENSSL_cleanse(bytes.baseAddress, bytes.count)
    bytes.deallocate()
  }

  var name: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[..<Self.nameCount]) }
  var cipherKey: UnsafeMutableRawPointer { bytes.baseAddress! + Self.nameCount }
  var authenticationKey: UnsafeMutableRawPointer { bytes.baseAddress! + Self.nameCount + size.rawValue }
}
