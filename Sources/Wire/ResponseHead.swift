/// A backend's response head (RFC 9112 section 4), as strict as a request's where framing is concerned.
public struct ResponseHead: Hashable, Sendable {
  /// Bytes of the head, its empty line included.
  public let length: Int
  /// 100 to 999.
  public let status: Int
  public let minorVersion: UInt8
  /// True exactly when this is the 101 to the upgrade that was asked for: frames follow.
  public let isSwitch: Bool
  public let body: BodyKind
  /// True exactly when another head follows this one (100, 103; RFC 9110 section 15.2).
  public var isInterim: Bool { status < 200 && !isSwitch }

  /// Parses the bytes that `HeadScanner` found complete.
  ///
  /// - Parameter request: what is being answered; it decides whether there is a body.
  public static func parse(
    _ head: Span<UInt8>, to request: RequestKind, limits: HeadLimits = HeadLimits()
  ) -> Result<Self, HeadError> {
    do throws(HeadError) {
      return .success(try Self(head, to: request, limits: limits))
    } catch {
      return .failure(error)
    }
  }

  private init(_ head: Span<UInt8>, to request: RequestKind, limits: HeadLimits) throws(HeadError) {
    guard head.count <= limits.bytes else { throw .headTooLong }
    var cursor = FieldCursor()
    let line = try StatusLine(cursor.startLine(in: head), in: head)
    var message = MessageFields()
    while let field = try cursor.next(in: head) {
      guard cursor.count <= limits.fields else { throw .tooManyFields }
      guard let known = KnownField(field.name, in: head), head.first(0x5f, in: field.name) == nil else {
        continue
      }
      try message.take(known, field.value, in: head)
    }
    try message.checkFraming(minorVersion: line.minorVersion)
    if line.status == 101 {
      guard request == .upgrade, line.minorVersion == 1, message.upgradeNamesWebSocket,
        message.connectionSaysUpgrade, !message.isChunked, message.contentLength ?? 0 == 0
      else { throw .unexpectedSwitch }
    }
    length = head.count
    status = line.status
    minorVersion = line.minorVersion
    isSwitch = line.status == 101
    body = Self.body(line.status, message, request)
  }

  private static func body(_ status: Int, _ message: MessageFields, _ request: RequestKind) -> BodyKind {
    if status < 200 || status == 204 || status == 304 || request == .head { return .none }
    if message.isChunked { return .chunked }
    return message.contentLength.map { .length($0) } ?? .untilClose
  }

  /// Appends the head for a client whose connection ends with this response: `Connection: close` in place of
  /// what the backend says of its own connection. Interim heads and the 101 pass as they are.
  public func write(to output: inout [UInt8], head: Span<UInt8>) {
    guard status >= 200 else { return head.append(0..<length, to: &output) }
    output.reserveCapacity(output.count + length + 32)
    var cursor = FieldWalk(head)
    head.append(0..<cursor.position, to: &output)
    while let field = cursor.next(in: head) {
      switch KnownField(field.name, in: head) {
      case .connection, .keepAlive, .proxyConnection: continue
      default: head.append(field.line, to: &output)
      }
    }
    output.append(contentsOf: "Connection: close\r\n\r\n".utf8)
  }
}

/// What a response answers.
public enum RequestKind: Hashable, Sendable {
  case upgrade
  /// HEAD: its response has no body.
  case head
  case other
}

extension RequestHead {
  public var kind: RequestKind { isUpgrade ? .upgrade : method == .head ? .head : .other }
}
