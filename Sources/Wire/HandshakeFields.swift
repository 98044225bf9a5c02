/// The fields that only a request has: the host, and those of the WebSocket handshake.
struct HandshakeFields {
  private(set) var host: Authority?
  private(set) var key: Range<Int>?
  private(set) var version: Range<Int>?
  private(set) var subprotocol: Range<Int>?

  mutating func take(_ known: KnownField, _ value: Range<Int>, in head: Span<UInt8>) throws(HeadError) {
    switch known {
    case .host:
      guard host == nil else { throw .duplicateField }
      host = try Authority(value, in: head)
    case .webSocketKey:
      guard key == nil else { throw .duplicateField }
      key = value
    case .webSocketVersion:
      guard version == nil else { throw .duplicateField }
      version = value
    case .webSocketProtocol where subprotocol == nil:
      var elements = ListCursor(value)
      guard let first = elements.next(in: head), head.isToken(first) else { throw .subprotocol }
      subprotocol = first
    default: break
    }
  }

  /// An absolute target has a host of its own, which is the one that counts (RFC 9112 section 3.2.2); since
  /// the backend would see the other one, the two have to agree.
  func checkHost(_ line: RequestLine, in head: Span<UInt8>) throws(HeadError) {
    if host == nil && line.minorVersion == 1 { throw .missingHost }
    guard let own = line.authority?.whole, let other = host?.whole else { return }
    guard own.count == other.count else { throw .host }
    for offset in 0..<own.count
    where head[own.lowerBound + offset].lowercased != head[other.lowerBound + offset].lowercased {
      throw .host
    }
  }

  /// True exactly when the key is 16 bytes in base64 (RFC 6455 section 4.1): 22 digits and the padding.
  func hasValidKey(in head: Span<UInt8>) -> Bool {
    guard let key, key.count == 24, head.holdsExactly(key.lowerBound + 22, [0x3d, 0x3d]) else { return false }
    for index in key.lowerBound..<key.lowerBound + 22 {
      let byte = head[index]
      guard byte.isLetter || byte.isDigit || byte == 0x2b || byte == 0x2f else { return false }
    }
    return true
  }
}
