internal import COpenSSL

/// The answer to an upgrade's key (RFC 6455 section 4.2.2): base64 of the SHA-1 of the key and a fixed text.
/// Not for secrets: it only shows that the server speaks WebSocket.
public enum WebSocketAccept {
  private static let suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

  /// - Parameter key: the value of Sec-WebSocket-Key, as it came.
  /// - Returns: the value of Sec-WebSocket-Accept.
  public static func value(for key: some Sequence<UInt8>) -> [UInt8] {
    let text = Array(key) + Array(suffix.utf8)
    var digest = [UInt8](repeating: 0, count: 20)
    SHA1(text, text.count, &digest)
    // 20 bytes are 28 in base64, and OpenSSL ends them with a zero.
    var encoded = [UInt8](repeating: 0, count: 29)
    EVP_EncodeBlock(&encoded, digest, Int32(digest.count))
    return Array(encoded.dropLast())
  }
}
