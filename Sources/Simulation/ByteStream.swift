internal import Glibc

/// Bytes in order, appended behind and taken at the front.
struct ByteStream {
  private var bytes: [UInt8] = []
  private var start = 0

  init() {}

  var count: Int { bytes.count - start }
  var isEmpty: Bool { count == 0 }

  subscript(offset: Int) -> UInt8 { bytes[start + offset] }

  mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

  mutating func append(memory: UnsafeRawBufferPointer) {
    bytes.append(contentsOf: memory.assumingMemoryBound(to: UInt8.self))
  }

  /// True exactly when these are the stream's next bytes.
  func starts(with other: ArraySlice<UInt8>) -> Bool {
    guard other.count <= count else { return false }
    return first(other.count).withUnsafeBytes { mine in
      other.withUnsafeBytes { mine.isEmpty || memcmp(mine.baseAddress!, $0.baseAddress!, mine.count) == 0 }
    }
  }

  /// Takes at most `limit` bytes off the front.
  mutating func take(_ limit: Int) -> ArraySlice<UInt8> {
    let taken = first(limit)
    drop(taken.count)
    return taken
  }

  /// At most `limit` bytes of the front, left where they are.
  func first(_ limit: Int) -> ArraySlice<UInt8> { bytes[start..<start + min(limit, count)] }

  mutating func drop(_ amount: Int) {
    start += amount
    guard start == bytes.count || start > 1 << 16 else { return }
    bytes.removeSubrange(..<start)
    start = 0
  }

  /// Drops what lies behind the first `length` bytes.
  mutating func truncate(to length: Int) {
    if length < count { bytes.removeLast(count - length) }
  }
}
