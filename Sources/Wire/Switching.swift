/// The proxy's own 101, for a client that is let through the door to be told to come again later.
public enum Switching {
  /// Appends the answer (RFC 6455 section 4.2.2). It agrees to the first subprotocol offered, without which
  /// browsers drop the connection and never see the close code; and to no extension.
  public static func write(
    to output: inout [UInt8], accept: [UInt8], subprotocol: Range<Int>?, of head: Span<UInt8>
  ) {
    output.append(contentsOf: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n".utf8)
    output.append(contentsOf: "Sec-WebSocket-Accept: ".utf8)
    output.append(contentsOf: accept)
    if let subprotocol {
      output.append(contentsOf: "\r\nSec-WebSocket-Protocol: ".utf8)
      head.append(subprotocol, to: &output)
    }
    output.append(contentsOf: "\r\n\r\n".utf8)
  }
}
