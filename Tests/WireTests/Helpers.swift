import Basics
import Testing

@testable import Wire

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

/// The text of a range of the bytes.
func text(_ range: Range<Int>?, of bytes: [UInt8]) -> String? { range.map { text(bytes[$0]) } }

func request(_ text: String, limits: HeadLimits = HeadLimits()) -> Result<RequestHead, HeadError> {
  RequestHead.parse(bytes(text).span, limits: limits)
}

/// An upgrade's head with lines replaced or added.
func upgrade(
  line: String = "GET /chat?room=1 HTTP/1.1", host: String = "Host: example.com\r\n",
  upgrade: String = "Upgrade: websocket\r\n", connection: String = "Connection: Upgrade\r\n",
  key: String = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
  version: String = "Sec-WebSocket-Version: 13\r\n", more: String = ""
) -> String {
  "\(line)\r\n\(host)\(upgrade)\(connection)\(key)\(version)\(more)\r\n"
}

/// A generator whose seed is in the test's output when the test fails, and in the log in any case.
func generator(_ name: String = #function) -> SeededGenerator {
  let seed = UInt64.random(in: .min ... .max)
  print("seed of \(name): \(seed)")
  return SeededGenerator(seed: seed)
}

extension SeededGenerator {
  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }

  /// Cuts the bytes into pieces, some of them empty.
  mutating func pieces(_ bytes: [UInt8], longest: Int = 40) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + Int.random(in: 0...longest, using: &self))
      pieces.append(Array(bytes[start..<end]))
      start = end
    }
    return pieces
  }
}
