/// Bytes in order, appended behind and taken at the front.
public struct ByteStream {
  private var bytes: [UInt8] = []
  private var start = 0

  public init() {}

  public var count: Int { bytes.count - start }
  public var isEmpty: Bool { count == 0 }

  public subscript(offset: Int) -> UInt8 { bytes[start + offset] }

  public mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

  /// Takes at most `limit` bytes off the front.
  public mutating func take(_ limit: Int) -> ArraySlice<UInt8> {
    let taken = first(limit)
    drop(taken.count)
    return taken
  }

  /// At most `limit` bytes of the front, left where they are.
  public func first(_ limit: Int) -> ArraySlice<UInt8> { bytes[start..<start + min(limit, count)] }

  public mutating func drop(_ amount: Int) {
    start += amount
    guard start == bytes.count || start > 1 << 16 else { return }
    bytes.removeSubrange(..<start)
    start = 0
  }

  /// Drops what lies behind the first `length` bytes.
  public mutating func truncate(to length: Int) {
    if length < count { bytes.removeLast(count - length) }
  }
}
