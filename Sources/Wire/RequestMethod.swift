/// The methods that change what the proxy does.
public enum RequestMethod: Hashable, Sendable {
  case get
  /// Its response has no body.
  case head
  case other

  /// Methods are case-sensitive (RFC 9110 section 9.1).
  init(_ name: Range<Int>, in head: Span<UInt8>) {
    if name.count == 3 && head.holdsExactly(name.lowerBound, [0x47, 0x45, 0x54]) {
      self = .get
    } else if name.count == 4 && head.holdsExactly(name.lowerBound, [0x48, 0x45, 0x41, 0x44]) {
      self = .head
    } else {
      self = .other
    }
  }
}
