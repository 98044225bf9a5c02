internal import COpenSSL
internal import Glibc

/// A worker's memory of the keys that its busiest connections use, of the suites whose connections keep only
/// secrets (`RecordSuite.keepsKeys`). A key that isn't here any more is derived again.
///
/// Each secret has one place, by its first bytes, which are as random as a hash. Memory becomes resident as
/// places are used.
struct DerivedKeys: ~Copyable {
  private struct Place {
    /// Of whom `key` is; zeros behind a shorter one.
    var secret: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
    var key: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  }

  /// Twice as many as a thousand connections use. A power of two.
  static let placeCount = 4096
  private static var byteCount: Int { placeCount * MemoryLayout<Place>.stride }

  private let memory: UnsafeMutableRawPointer

  /// Nil when memory is short.
  static func make() -> DerivedKeys? {
    let map = mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let map, map != MAP_FAILED else { return nil }
    return DerivedKeys(map)
  }

  private init(_ memory: UnsafeMutableRawPointer) { self.memory = memory }

  deinit {
    // The kernel wipes pages before anybody else gets them.
    munmap(memory, Self.byteCount)
  }

  private func place(of secret: UnsafeRawBufferPointer) -> UnsafeMutableRawPointer {
    let index = Int(truncatingIfNeeded: secret.loadUnaligned(as: UInt64.self)) & (Self.placeCount - 1)
    return memory + index * MemoryLayout<Place>.stride
  }

  private static var keyOffset: Int { MemoryLayout<Place>.offset(of: \.key)! }

  /// The key of a secret, 32 bytes; valid until the next call. Nil when it has to be derived and that fails.
  ///
  /// How long the comparison takes tells nothing: nobody chooses a secret to try it.
  func key(
    of secret: UnsafeRawBufferPointer, derive: (UnsafeMutableRawBufferPointer) -> Bool
  ) -> UnsafeRawPointer? {
    let place = place(of: secret)
    let key = place + Self.keyOffset
    if memcmp(place, secret.baseAddress!, secret.count) == 0 { return UnsafeRawPointer(key) }
    // Nobody's, until the key is whole.
    OPENSSL_cleanse(place, MemoryLayout<Place>.size)
    guard derive(UnsafeMutableRawBufferPointer(start: key, count: MemoryLayout<Place>.size - Self.keyOffset))
    else { return nil }
    place.copyMemory(from: secret.baseAddress!, byteCount: secret.count)
    return UnsafeRawPointer(key)
  }

  /// Wipes the key of a secret that isn't used any more.
  func forget(_ secret: UnsafeRawBufferPointer) {
    let place = place(of: secret)
    guard memcmp(place, secret.baseAddress!, secret.count) == 0 else { return }
    OPENSSL_cleanse(place, MemoryLayout<Place>.size)
  }
}
