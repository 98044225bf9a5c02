/// Why a head is refused. For a request it knows the answer's status; for a backend's response the proxy
/// answers 502 whichever it is.
public enum HeadError: Error, Hashable, Sendable, CaseIterable {
  /// A line feed without a carriage return before it (RFC 9112 section 2.2).
  case bareLineFeed
  case bareCarriageReturn
  /// NUL or another control byte.
  case controlByte
  /// The head doesn't end where it should.
  case unterminated
  case startLine
  case target
  case targetTooLong
  case version
  /// A field's line: no colon, a blank before it, a name that is no token, a folded line.
  case fieldLine
  case tooManyFields
  case headTooLong
  /// A field that decides something is there twice.
  case duplicateField
  /// A name that backends may confuse with a field that decides something (`Content_Length`).
  case ambiguousName
  case missingHost
  case host
  case contentLength
  /// A transfer coding other than `chunked`.
  case transferEncoding
  /// Transfer-Encoding beside Content-Length, or in HTTP/1.0 (RFC 9112 section 6.1).
  case conflictingLength
  /// `Connection` isn't a list of tokens, or names a field that is meant for the backend.
  case connectionField
  /// An upgrade by another method than GET.
  case upgradeMethod
  case upgradeKey
  case upgradeVersion
  case upgradeWithBody
  case subprotocol
  /// A 101 that nobody asked for, or to another protocol.
  case unexpectedSwitch

  /// The status of the answer to a request.
  public var status: Int {
    switch self {
    case .targetTooLong: 414
    case .upgradeMethod: 405
    case .upgradeVersion: 426
    case .tooManyFields, .headTooLong: 431
    case .transferEncoding: 501
    case .version: 505
    default: 400
    }
  }

  /// One line for logs.
  public var reason: String {
    switch self {
    case .bareLineFeed: "a line feed without a carriage return"
    case .bareCarriageReturn: "a carriage return without a line feed"
    case .controlByte: "a control byte"
    case .unterminated: "no empty line at the end"
    case .startLine: "not a start line of HTTP/1"
    case .target: "a request target that isn't accepted here"
    case .targetTooLong: "a request target that is too long"
    case .version: "a version other than HTTP/1.1 and HTTP/1.0"
    case .fieldLine: "a malformed field line"
    case .tooManyFields: "too many fields"
    case .headTooLong: "a head that is too long"
    case .duplicateField: "a field that may come once came twice"
    case .ambiguousName: "a field name with an underscore that backends confuse with another"
    case .missingHost: "no Host"
    case .host: "an invalid Host"
    case .contentLength: "an invalid Content-Length"
    case .transferEncoding: "a transfer coding other than chunked"
    case .conflictingLength: "a Transfer-Encoding where none may be"
    case .connectionField: "an invalid Connection field"
    case .upgradeMethod: "a WebSocket upgrade by another method than GET"
    case .upgradeKey: "no valid Sec-WebSocket-Key"
    case .upgradeVersion: "a WebSocket version other than 13"
    case .upgradeWithBody: "a WebSocket upgrade with a body"
    case .subprotocol: "an invalid Sec-WebSocket-Protocol"
    case .unexpectedSwitch: "a switch of protocols that wasn't asked for"
    }
  }
}
