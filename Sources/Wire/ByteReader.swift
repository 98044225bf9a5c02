/// Reads network-order numbers and length-prefixed parts out of a span; nil for what isn't there.
struct ByteReader {
  private(set) var position: Int
  let end: Int

  init(_ range: Range<Int>) {
    position = range.lowerBound
    end = range.upperBound
  }

  var isAtEnd: Bool { position == end }
  var rest: Range<Int> { position..<end }

  /// A number of up to 8 bytes.
  mutating func number(_ count: Int, in bytes: Span<UInt8>) -> Int? {
    guard let range = take(count) else { return nil }
    return Int(truncatingIfNeeded: bytes.bigEndian(range))
  }

  mutating func take(_ count: Int) -> Range<Int>? {
    guard count <= end - position else { return nil }
    defer { position += count }
    return position..<position + count
  }

  /// A part with a length of so many bytes before it.
  mutating func part(lengthBytes: Int, in bytes: Span<UInt8>) -> ByteReader? {
    guard let count = number(lengthBytes, in: bytes), let range = take(count) else { return nil }
    return ByteReader(range)
  }
}
