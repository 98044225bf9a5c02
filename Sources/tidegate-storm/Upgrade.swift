import COpenSSL

/// The opening handshake (RFC 6455 section 4), as text.
enum Upgrade {
  static func request(host: String, path: String, key: String) -> [UInt8] {
    let lines = [
      "GET \(path) HTTP/1.1", "Host: \(host)", "Upgrade: websocket", "Connection: Upgrade",
      "Sec-WebSocket-Key: \(key)", "Sec-WebSocket-Version: 13", "", "",
    ]
    return Array(lines.joined(separator: "\r\n").utf8)
  }

  static func key(_ first: UInt64, _ second: UInt64) -> String {
    withUnsafeBytes(of: (first, second)) { base64($0) }
  }

  /// Sec-WebSocket-Accept for a key.
  static func accept(_ key: some StringProtocol) -> String {
    let text = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
    var digest = [UInt8](repeating: 0, count: 20)
    _ = SHA1(text, text.count, &digest)
    return digest.withUnsafeBytes { base64($0) }
  }

  private static func base64(_ bytes: UnsafeRawBufferPointer) -> String {
    var encoded = [UInt8](repeating: 0, count: 4 * ((bytes.count + 2) / 3) + 1)
    let size = EVP_EncodeBlock(
      &encoded, bytes.baseAddress!.assumingMemoryBound(to: UInt8.self), Int32(bytes.count))
    return String(decoding: encoded.prefix(Int(size)), as: UTF8.self)
  }
}

/// A request's or a response's head.
struct Head {
  /// Bytes, the empty line included.
  var size: Int
  var firstLine: Substring
  private var fields: [(name: String, value: Substring)]

  /// Nil when the empty line hasn't come yet.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard let size = Self.size(bytes) else { return nil }
    self.size = size
    let text = String(decoding: bytes.prefix(size), as: UTF8.self)
    var lines = text.split(separator: "\r\n", omittingEmptySubsequences: true)[...]
    firstLine = lines.popFirst() ?? ""
    fields = lines.map { line in
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      return (parts[0].lowercased(), parts.count == 2 ? parts[1].drop { $0 == " " } : "")
    }
  }

  /// `name` in lower case.
  subscript(name: String) -> Substring? { fields.first { $0.name == name }?.value }

  /// The status of a response; 0 when there is none.
  var status: Int { Int(firstLine.dropFirst(9).prefix(3)) ?? 0 }

  private static func size(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard bytes.count >= 4 else { return nil }
    for index in 3..<bytes.count
    where bytes[index] == 10 && bytes[index - 1] == 13 && bytes[index - 2] == 10 && bytes[index - 3] == 13 {
      return index + 1
    }
    return nil
  }
}
