/// A host and perhaps a port, as `Host` and an absolute target have them (RFC 3986 section 3.2).
struct Authority {
  /// Host and port.
  var whole: Range<Int>
  /// Without the port; an IPv6 address keeps its brackets.
  var host: Range<Int>

  /// Throws `.host` for an empty host (RFC 9110 section 4.2.1), user information, or a byte that may not be
  /// there.
  init(_ range: Range<Int>, in head: Span<UInt8>) throws(HeadError) {
    guard !range.isEmpty else { throw .host }
    let end =
      head[range.lowerBound] == 0x5b
      ? try Self.literalEnd(range, in: head) : try Self.nameEnd(range, in: head)
    if end < range.upperBound {
      let port = end + 1..<range.upperBound
      guard head[end] == .colon, port.isEmpty || head.decimal(port).map({ $0 <= 65535 }) == true else {
        throw .host
      }
    }
    whole = range
    host = range.lowerBound..<end
  }

  private static func literalEnd(_ range: Range<Int>, in head: Span<UInt8>) throws(HeadError) -> Int {
    guard let close = head.first(0x5d, in: range), close - range.lowerBound > 2 else { throw .host }
    for index in range.lowerBound + 1..<close {
      let byte = head[index]
      guard byte.hexValue != nil || byte == .colon || byte == 0x2e else { throw .host }
    }
    return close + 1
  }

  private static func nameEnd(_ range: Range<Int>, in head: Span<UInt8>) throws(HeadError) -> Int {
    let end = head.first(.colon, in: range) ?? range.upperBound
    guard end > range.lowerBound else { throw .host }
    for index in range.lowerBound..<end where !isNameByte(head[index]) { throw .host }
    return end
  }

  /// unreserved, sub-delims and `%`.
  private static func isNameByte(_ byte: UInt8) -> Bool {
    if byte.isLetter || byte.isDigit { return true }
    switch byte {
    case 0x2d, 0x2e, 0x5f, 0x7e, 0x25, 0x21, 0x24, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x3b, 0x3d:
      return true
    default: return false
    }
  }
}
