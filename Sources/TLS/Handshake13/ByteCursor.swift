/// Reads big-endian numbers and parts with a length before them (RFC 8446 section 3); nil for what isn't there.
struct ByteCursor {
  private(set) var rest: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  var isAtEnd: Bool { rest.isEmpty }

  /// Of 1 to 4 bytes.
  mutating func number(_ count: Int) -> Int? {
    guard let bytes = take(count) else { return nil }
    var value = 0
    for byte in bytes { value = value << 8 | Int(byte) }
    return value
  }

  mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count <= rest.count else { return nil }
    defer { rest = UnsafeRawBufferPointer(rebasing: rest[count...]) }
    return UnsafeRawBufferPointer(rebasing: rest[..<count])
  }

  /// A part with a length of so many bytes before it.
  mutating func part(_ lengthBytes: Int) -> UnsafeRawBufferPointer? {
    guard let count = number(lengthBytes) else { return nil }
    return take(count)
  }

  /// The same, where nothing may follow it and it may not be empty.
  mutating func onlyPart(_ lengthBytes: Int) -> UnsafeRawBufferPointer? {
    guard let found = part(lengthBytes), isAtEnd, !found.isEmpty else { return nil }
    return found
  }

  /// The same, of two-byte numbers.
  mutating func onlyNumbers(_ lengthBytes: Int) -> NumberList? {
    guard let found = onlyPart(lengthBytes), found.count % 2 == 0 else { return nil }
    return NumberList(found)
  }
}

/// Big-endian numbers of two bytes each.
struct NumberList: Sequence, IteratorProtocol {
  private var cursor: ByteCursor

  /// - Parameter bytes: of even length.
  init(_ bytes: UnsafeRawBufferPointer) { cursor = ByteCursor(bytes) }

  mutating func next() -> UInt16? { cursor.number(2).map { UInt16(truncatingIfNeeded: $0) } }
}
