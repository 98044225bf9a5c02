internal import Basics

extension ValueType where Value == Endpoint {
  private static var notation: String {
    "an address such as 10.0.0.1:9001, [::1]:9001 or unix:/run/chat.sock"
  }

  /// An address to connect to.
  static var address: Self {
    text(notation, show: { $0.description }) { text, location, reading in
      guard let endpoint = endpoint(text, location, reading) else { return nil }
      if case .ip(_, port: 0) = endpoint {
        reading.report(location, "\(quoted(text)) has port 0, which nobody can connect to")
        return nil
      }
      return endpoint
    }
  }

  /// An address to listen at, which no other listener has. Port 0 takes any free port.
  static var bindAddress: Self {
    text(notation, show: { $0.description }) { text, location, reading in
      guard let endpoint = endpoint(text, location, reading) else { return nil }
      if case .ip(_, port: 0) = endpoint { return endpoint }
      if let first = reading.boundAt[endpoint] {
        reading.report(location, "\(endpoint) is bound already, in line \(first.line)")
        return nil
      }
      reading.boundAt[endpoint] = location
      return endpoint
    }
  }

  private static func endpoint(_ text: String, _ location: SourceLocation, _ reading: Reading) -> Endpoint? {
    var resolved = text
    if text.hasPrefix("unix:"), !text.hasPrefix("unix:@"), text != "unix:" {
      resolved = "unix:" + reading.resolve(String(text.dropFirst(5)))
    }
    if let endpoint = Endpoint(resolved) { return endpoint }
    reading.report(location, complaint(text))
    return nil
  }

  /// Says what is wrong with what is no address.
  private static func complaint(_ text: String) -> String {
    if text.hasPrefix("unix:") {
      return text == "unix:"
        ? "\(quoted(text)) lacks a path"
        : "\(quoted(text)) is no socket's path: it may have 107 bytes, and no zero byte"
    }
    if IPAddress(text) != nil {
      return text.contains(":")
        ? "\(quoted(text)) needs brackets around the address, and a port: such as \"[::1]:443\""
        : "\(quoted(text)) lacks a port, such as \"\(text):443\""
    }
    let (host, port) = split(text)
    guard let port else { return "expected \(notation), got \(quoted(text))" }
    if host.isEmpty || host == "*" { return "\(quoted(text)) lacks an address; all are \"0.0.0.0:\(port)\"" }
    if !isPort(port) { return "\(quoted(text)) has no port from 0 to 65535" }
    if IPAddress(host) != nil { return "\(quoted(text)) needs brackets; did you mean \"[\(host)]:\(port)\"?" }
    if isHostName(host) {
      return "\(quoted(text)) has a host name; addresses must be IP here, names aren't resolved"
    }
    return "expected \(notation), got \(quoted(text))"
  }

  private static func split(_ text: String) -> (host: String, port: String?) {
    guard let colon = text.lastIndex(of: ":") else {
      // Without a colon it may still be a host's name, which is what to complain about then.
      return isHostName(text) ? (text, "443") : (text, nil)
    }
    return (String(text[..<colon]), String(text[text.index(after: colon)...]))
  }

  private static func isPort(_ text: String) -> Bool { ScalarText.isDigits(text) && UInt16(text) != nil }

  /// Roughly: enough to tell a name from a slip in a number.
  private static func isHostName(_ text: String) -> Bool {
    let characters = text.utf8.allSatisfy {
      (97...122).contains($0 | 32) || (48...57).contains($0) || $0 == 45 || $0 == 46 || $0 == 95
    }
    return characters && text.utf8.contains { (97...122).contains($0 | 32) }
  }
}
