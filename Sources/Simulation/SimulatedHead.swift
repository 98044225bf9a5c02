/// The heads that simulated peers send and look at. Names the client, so that crossed wires are seen.
enum SimulatedHead {
  static func upgradeRequest(client: Int, key: UInt64) -> [UInt8] {
    Array(
      """
      GET /client/\(client) HTTP/1.1\r
      Host: simulation.example\r
      Connection: Upgrade\r
      Upgrade: websocket\r
      Sec-WebSocket-Version: 13\r
      Sec-WebSocket-Key: \(encodedKey(key))\r
      \r

      """.utf8)
  }

  static func plainRequest(client: Int) -> [UInt8] {
    Array("GET /client/\(client) HTTP/1.1\r\nHost: simulation.example\r\nConnection: close\r\n\r\n".utf8)
  }

  static func upgradeResponse(key: String) -> [UInt8] {
    Array(
      """
      HTTP/1.1 101 Switching Protocols\r
      Connection: Upgrade\r
      Upgrade: websocket\r
      Sec-WebSocket-Accept: \(accepted(key))\r
      \r

      """.utf8)
  }

  static func plainResponse(status: Int, body: String) -> [UInt8] {
    Array(
      "HTTP/1.1 \(status) Simulated\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
        .utf8)
  }

  static func plainBody(client: Int) -> String { "the body for client \(client)" }

  /// 16 bytes in base64, as a key has to be: 22 digits and the padding.
  static func encodedKey(_ key: UInt64) -> String {
    let digits = String(key, radix: 16)
    return String(repeating: "A", count: 21 - digits.count) + digits + "A=="
  }

  /// No hash: the proxy only passes it on, and the client knows what it expects.
  static func accepted(_ key: String) -> String { String(key.reversed().drop { $0 == "=" }) + "=" }

  /// The length of the head at the stream's front, its empty line included; nil when it isn't whole.
  static func length(_ stream: ByteStream) -> Int? {
    guard stream.count >= 4 else { return nil }
    let end = Array("\r\n\r\n".utf8)
    let bytes = stream.first(stream.count)
    for index in bytes.startIndex...(bytes.endIndex - 4) where bytes[index] == 13 {
      if bytes[index..<index + 4].elementsEqual(end) { return index + 4 - bytes.startIndex }
    }
    return nil
  }

  /// A header field's value; nil when there is none of the name.
  static func field(_ name: String, in head: String) -> String? {
    for line in head.split(separator: "\r\n").dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].lowercased() == name else { continue }
      return String(parts[1].drop { $0 == " " })
    }
    return nil
  }

  /// The client that a request's path names.
  static func client(in head: String) -> Int? {
    let words = head.split(separator: " ", maxSplits: 2)
    guard words.count == 3, words[1].hasPrefix("/client/") else { return nil }
    return Int(words[1].dropFirst(8))
  }
}
