/// What requests and responses have in common: where the body ends, and what becomes of the connection.
struct MessageFields {
  private(set) var contentLength: UInt64?
  private(set) var isChunked = false
  private(set) var hasUpgrade = false
  /// True exactly when `Upgrade` has the element `websocket`.
  private(set) var upgradeNamesWebSocket = false
  private(set) var connectionSaysUpgrade = false
  private(set) var connectionSaysClose = false
  private(set) var connectionSaysKeepAlive = false
  /// True exactly when `Connection` names a field that isn't the next hop's to take away.
  private(set) var connectionNamesEndToEnd = false

  mutating func take(_ known: KnownField, _ value: Range<Int>, in head: Span<UInt8>) throws(HeadError) {
    switch known {
    case .contentLength:
      guard contentLength == nil else { throw .duplicateField }
      guard let length = head.decimal(value) else { throw .contentLength }
      contentLength = length
    case .transferEncoding:
      guard !isChunked else { throw .duplicateField }
      guard head.holds(value, "chunked") else { throw .transferEncoding }
      isChunked = true
    case .upgrade:
      guard !hasUpgrade else { throw .duplicateField }
      hasUpgrade = true
      takeUpgrade(value, in: head)
    case .connection: try takeConnection(value, in: head)
    default: break
    }
  }

  /// Called when all fields are taken.
  func checkFraming(minorVersion: UInt8) throws(HeadError) {
    if isChunked && (contentLength != nil || minorVersion == 0) { throw .conflictingLength }
  }

  private mutating func takeUpgrade(_ value: Range<Int>, in head: Span<UInt8>) {
    var elements = ListCursor(value)
    while let element = elements.next(in: head) {
      if head.holds(element, "websocket") { upgradeNamesWebSocket = true }
    }
  }

  private mutating func takeConnection(_ value: Range<Int>, in head: Span<UInt8>) throws(HeadError) {
    var elements = ListCursor(value)
    while let element = elements.next(in: head) {
      guard head.isToken(element) else { throw .connectionField }
      if head.holds(element, "close") { connectionSaysClose = true }
      if head.holds(element, "keep-alive") { connectionSaysKeepAlive = true }
      if head.holds(element, "upgrade") { connectionSaysUpgrade = true }
      if let known = KnownField(element, in: head), !known.isHopByHop { connectionNamesEndToEnd = true }
    }
  }
}
