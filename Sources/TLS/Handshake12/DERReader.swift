/// Reads DER (X.690) as far as stored sessions go: tags of one byte, lengths of up to 65535. Nil for what isn't there.
struct DERReader {
  static let integerTag: UInt8 = 0x02
  static let octets: UInt8 = 0x04
  static let sequence: UInt8 = 0x30

  /// An explicit tag's, with a whole value inside.
  static func context(_ number: UInt8) -> UInt8 { 0xa0 | number }

  private var cursor: ByteCursor

  init(_ bytes: UnsafeRawBufferPointer) { cursor = ByteCursor(bytes) }

  var isAtEnd: Bool { cursor.isAtEnd }

  mutating func next() -> (tag: UInt8, body: UnsafeRawBufferPointer)? {
    guard let tag = cursor.number(1), var count = cursor.number(1) else { return nil }
    switch count {
    case 0x81: count = cursor.number(1) ?? -1
    case 0x82: count = cursor.number(2) ?? -1
    default: guard count < 0x80 else { return nil }
    }
    guard count >= 0, let body = cursor.take(count) else { return nil }
    return (UInt8(truncatingIfNeeded: tag), body)
  }

  mutating func next(_ tag: UInt8) -> UnsafeRawBufferPointer? {
    guard let (found, body) = next(), found == tag else { return nil }
    return body
  }

  /// The same, where nothing follows.
  mutating func only(_ tag: UInt8) -> UnsafeRawBufferPointer? {
    guard let body = next(tag), isAtEnd else { return nil }
    return body
  }

  /// Of up to 64 bits.
  mutating func integer() -> Int64? {
    guard let bytes = next(Self.integerTag), let first = bytes.first, bytes.count <= 8 else { return nil }
    var value = Int64(Int8(bitPattern: first))
    for byte in bytes.dropFirst() { value = value << 8 | Int64(byte) }
    return value
  }

  mutating func onlyInteger() -> Int64? {
    guard let value = integer(), isAtEnd else { return nil }
    return value
  }
}
