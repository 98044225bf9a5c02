/// Bytes of a client on their way to becoming lines of bounded length.
struct LineBuffer {
  /// Bytes of a line, without its end, at most.
  static let limit = 16 * 1024

  enum Item: Equatable {
    case line(String)
    /// The line is longer than the limit; the connection is of no more use.
    case tooLong
  }

  private var bytes: [UInt8] = []
  /// No newline stands before this place: what has been searched isn't searched again.
  private var searched = 0

  mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

  /// The next whole line, without its `\n` or `\r\n`; nil while none is whole.
  mutating func next() -> Item? {
    guard let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) else {
      searched = bytes.count
      return bytes.count > Self.limit ? .tooLong : nil
    }
    guard end <= Self.limit else { return .tooLong }
    var line = bytes[..<end]
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    let text = String(decoding: line, as: UTF8.self)
    bytes.removeFirst(end + 1)
    searched = 0
    return .line(text)
  }
}
