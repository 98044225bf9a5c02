/// A client's request head, as places in its bytes; held to RFC 9112, and to RFC 6455 section 4.2.1 when it
/// asks for a WebSocket.
public struct RequestHead: Hashable, Sendable {
  /// Bytes of the head, its empty line included.
  public let length: Int
  public let method: RequestMethod
  public let methodName: Range<Int>
  public let target: Range<Int>
  /// Without the query. Empty, meaning `/`, for an absolute target that has no path.
  public let path: Range<Int>
  /// Host and port. Nil only in HTTP/1.0.
  public let authority: Range<Int>?
  /// Without the port; an IPv6 address in brackets. Nil only in HTTP/1.0.
  public let host: Range<Int>?
  /// 1 for HTTP/1.1, 0 for HTTP/1.0.
  public let minorVersion: UInt8
  /// True exactly when this is a valid request for a WebSocket of version 13.
  public let isUpgrade: Bool
  /// The upgrade's Sec-WebSocket-Key.
  public let key: Range<Int>?
  /// The first subprotocol that an upgrade offers.
  public let subprotocol: Range<Int>?
  public let body: BodyKind
  /// True exactly when the client wants the connection to end with the response.
  public let wantsClose: Bool
  /// True exactly when the target is absolute; the backend gets the origin form.
  public let isAbsolute: Bool

  /// Parses the bytes that `HeadScanner` found complete.
  public static func parse(_ head: Span<UInt8>, limits: HeadLimits = HeadLimits()) -> Result<Self, HeadError>
  {
    do throws(HeadError) {
      return .success(try Self(head, limits: limits))
    } catch {
      return .failure(error)
    }
  }

  private init(_ head: Span<UInt8>, limits: HeadLimits) throws(HeadError) {
    guard head.count <= limits.bytes else { throw .headTooLong }
    var cursor = FieldCursor()
    let line = try RequestLine(cursor.startLine(in: head), in: head, limits: limits)
    var message = MessageFields()
    var handshake = HandshakeFields()
    while let field = try cursor.next(in: head) {
      guard cursor.count <= limits.fields else { throw .tooManyFields }
      guard let known = KnownField(field.name, in: head) else { continue }
      if !known.isForwarded, head.first(0x5f, in: field.name) != nil { throw .ambiguousName }
      try message.take(known, field.value, in: head)
      try handshake.take(known, field.value, in: head)
    }
    try message.checkFraming(minorVersion: line.minorVersion)
    guard !message.connectionNamesEndToEnd else { throw .connectionField }
    try handshake.checkHost(line, in: head)

    length = head.count
    method = RequestMethod(line.method, in: head)
    methodName = line.method
    target = line.target
    path = line.path
    isAbsolute = line.authority != nil
    let destination = line.authority ?? handshake.host
    authority = destination?.whole
    host = destination?.host
    minorVersion = line.minorVersion
    body = message.isChunked ? .chunked : message.contentLength.map { .length($0) } ?? .none
    wantsClose =
      message.connectionSaysClose || line.minorVersion == 0 && !message.connectionSaysKeepAlive
    // HTTP/1.0 has no upgrade: the field is to be ignored there (RFC 9110 section 7.8).
    isUpgrade = line.minorVersion == 1 && message.upgradeNamesWebSocket && message.connectionSaysUpgrade
    subprotocol = isUpgrade ? handshake.subprotocol : nil
    key = isUpgrade ? handshake.key : nil
    if isUpgrade { try checkUpgrade(message, handshake, in: head) }
  }

  private func checkUpgrade(
    _ message: MessageFields, _ handshake: HandshakeFields, in head: Span<UInt8>
  ) throws(HeadError) {
    guard method == .get else { throw .upgradeMethod }
    guard body == .none || body == .length(0) else { throw .upgradeWithBody }
    guard let version = handshake.version, head.holds(version, "13") else { throw .upgradeVersion }
    guard handshake.hasValidKey(in: head) else { throw .upgradeKey }
  }
}
