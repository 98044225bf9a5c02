/// The answers that the proxy makes itself: ready bytes, no body, the connection ends with them.
public enum Refusal: Int, Sendable, CaseIterable {
  case badRequest = 400
  case notFound = 404
  case methodNotAllowed = 405
  case requestTimeout = 408
  case targetTooLong = 414
  case upgradeRequired = 426
  case headTooLarge = 431
  case notImplemented = 501
  case badGateway = 502
  case serviceUnavailable = 503
  case gatewayTimeout = 504
  case versionNotSupported = 505

  /// The answer to a head that is refused.
  public init(_ error: HeadError) { self = Refusal(rawValue: error.status) ?? .badRequest }

  public var status: Int { rawValue }

  /// The whole answer.
  ///
  /// - Parameter retryAfterSeconds: for 503, when to come again; other answers have no such field.
  public func bytes(retryAfterSeconds: Int = 1) -> [UInt8] {
    var text = "HTTP/1.1 \(rawValue) \(phrase)\r\n"
    switch self {
    case .methodNotAllowed: text += "Allow: GET\r\n"
    case .serviceUnavailable: text += "Retry-After: \(max(0, retryAfterSeconds))\r\n"
    case .upgradeRequired:
      // RFC 9110 section 15.5.22 and RFC 6455 section 4.2.2: what to upgrade to, in which version.
      text += "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    default: break
    }
    text += self == .upgradeRequired ? "Connection: Upgrade, close\r\n" : "Connection: close\r\n"
    text += "Content-Length: 0\r\nCache-Control: no-store\r\n\r\n"
    return Array(text.utf8)
  }

  private var phrase: String {
    switch self {
    case .badRequest: "Bad Request"
    case .notFound: "Not Found"
    case .methodNotAllowed: "Method Not Allowed"
    case .requestTimeout: "Request Timeout"
    case .targetTooLong: "URI Too Long"
    case .upgradeRequired: "Upgrade Required"
    case .headTooLarge: "Request Header Fields Too Large"
    case .notImplemented: "Not Implemented"
    case .badGateway: "Bad Gateway"
    case .serviceUnavailable: "Service Unavailable"
    case .gatewayTimeout: "Gateway Timeout"
    case .versionNotSupported: "HTTP Version Not Supported"
    }
  }
}
