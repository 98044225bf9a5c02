@testable import Wire

/// Builds ClientHello messages, right ones and wrong ones.
struct HelloBuilder {
  var version: UInt64 = 0x0303
  var sessionID: [UInt8] = []
  var extensions: [(type: UInt64, body: [UInt8])] = []

  static func part(_ lengthBytes: Int, _ body: [UInt8]) -> [UInt8] {
    var part: [UInt8] = []
    part.appendBigEndian(UInt64(body.count), lengthBytes)
    return part + body
  }

  static func numbers(_ numbers: [UInt64]) -> [UInt8] {
    var body: [UInt8] = []
    for number in numbers { body.appendBigEndian(number, 2) }
    return body
  }

  static func serverName(_ name: String) -> [UInt8] { part(2, [0] + part(2, bytes(name))) }

  /// The handshake message.
  var message: [UInt8] {
    var body: [UInt8] = []
    body.appendBigEndian(version, 2)
    body += [UInt8](repeating: 7, count: 32)
    body += Self.part(1, sessionID) + Self.part(2, [0x13, 0x01, 0xc0, 0x2b]) + Self.part(1, [0])
    var list: [UInt8] = []
    for item in extensions {
      list.appendBigEndian(item.type, 2)
      list += Self.part(2, item.body)
    }
    if !extensions.isEmpty { body += Self.part(2, list) }
    return [1] + Self.part(3, body)
  }

  /// The message in records of at most so many bytes each.
  func records(of size: Int = 16000) -> [UInt8] { Self.records(message, of: size) }

  static func records(_ message: [UInt8], of size: Int = 16000) -> [UInt8] {
    var output: [UInt8] = []
    var start = 0
    while start < message.count {
      let end = min(start + size, message.count)
      output += [22, 3, 1] + part(2, Array(message[start..<end]))
      start = end
    }
    return output
  }
}
