/// The fields that the proxy looks at.
enum KnownField: String {
  case host = "host"
  case connection = "connection"
  case upgrade = "upgrade"
  case contentLength = "content-length"
  case transferEncoding = "transfer-encoding"
  case keepAlive = "keep-alive"
  case proxyConnection = "proxy-connection"
  case te = "te"
  case forwardedFor = "x-forwarded-for"
  case forwardedProto = "x-forwarded-proto"
  case forwardedHost = "x-forwarded-host"
  case webSocketKey = "sec-websocket-key"
  case webSocketVersion = "sec-websocket-version"
  case webSocketProtocol = "sec-websocket-protocol"

  /// Which of them the name is. An underscore counts as a hyphen, as it does for backends of CGI's lineage,
  /// which would take `X_Forwarded_For` for ours.
  init?(_ name: Range<Int>, in head: Span<UInt8>) {
    for candidate in Self.candidates(length: name.count) where candidate.matches(name, in: head) {
      self = candidate
      return
    }
    return nil
  }

  private static func candidates(length: Int) -> [KnownField] {
    switch length {
    case 2: return two
    case 4: return four
    case 7: return seven
    case 10: return ten
    case 14: return fourteen
    case 15: return fifteen
    case 16: return sixteen
    case 17: return seventeen
    case 21: return twentyOne
    case 22: return twentyTwo
    default: return none
    }
  }

  private static let none: [KnownField] = []
  private static let two: [KnownField] = [.te]
  private static let four: [KnownField] = [.host]
  private static let seven: [KnownField] = [.upgrade]
  private static let ten: [KnownField] = [.connection, .keepAlive]
  private static let fourteen: [KnownField] = [.contentLength]
  private static let fifteen: [KnownField] = [.forwardedFor]
  private static let sixteen: [KnownField] = [.proxyConnection, .forwardedHost]
  private static let seventeen: [KnownField] = [.transferEncoding, .forwardedProto, .webSocketKey]
  private static let twentyOne: [KnownField] = [.webSocketVersion]
  private static let twentyTwo: [KnownField] = [.webSocketProtocol]

  private func matches(_ name: Range<Int>, in head: Span<UInt8>) -> Bool {
    var index = name.lowerBound
    for byte in rawValue.utf8 {
      let found = head[index] == 0x5f ? 0x2d : head[index].lowercased
      guard found == byte else { return false }
      index += 1
    }
    return true
  }

  /// True exactly when the field says who the client is; a client's own is replaced or appended to.
  var isForwarded: Bool {
    switch self {
    case .forwardedFor, .forwardedProto, .forwardedHost: true
    default: false
    }
  }

  /// True exactly when the field ends at the next hop (RFC 9110 section 7.6.1).
  /// Transfer-Encoding isn't here: bodies pass in the framing that they came in.
  var isHopByHop: Bool {
    switch self {
    case .connection, .keepAlive, .proxyConnection, .te, .upgrade: true
    default: false
    }
  }
}
