/// The first line of a request (RFC 9112 section 3).
struct RequestLine {
  var method: Range<Int>
  var target: Range<Int>
  /// The target's path without its query; empty for an absolute target that has none.
  var path: Range<Int>
  /// Host and port of an absolute target.
  var authority: Authority?
  var minorVersion: UInt8

  init(_ line: Range<Int>, in head: Span<UInt8>, limits: HeadLimits) throws(HeadError) {
    guard let space = head.first(.space, in: line), head.isToken(line.lowerBound..<space) else {
      throw .startLine
    }
    guard let second = head.first(.space, in: space + 1..<line.upperBound), second > space + 1 else {
      throw .startLine
    }
    method = line.lowerBound..<space
    target = space + 1..<second
    minorVersion = try Self.version(second + 1..<line.upperBound, in: head)
    guard target.count <= limits.targetBytes else { throw .targetTooLong }
    path = target
    try splitTarget(in: head)
  }

  private static let connect: [UInt8] = [0x43, 0x4f, 0x4e, 0x4e, 0x45, 0x43, 0x54]
  private static let name: [UInt8] = [0x48, 0x54, 0x54, 0x50, 0x2f]

  private static func version(_ range: Range<Int>, in head: Span<UInt8>) throws(HeadError) -> UInt8 {
    let start = range.lowerBound
    guard range.count == 8, head.holdsExactly(start, name),
      head[start + 5].isDigit, head[start + 6] == 0x2e, head[start + 7].isDigit
    else { throw .startLine }
    guard head[start + 5] == 0x31, head[start + 7] <= 0x31 else { throw .version }
    return head[start + 7] - 0x30
  }

  /// Origin form, or absolute form of a scheme that we serve. `*` and CONNECT's authority aren't accepted:
  /// there is no resource behind them that a pool could serve.
  private mutating func splitTarget(in head: Span<UInt8>) throws(HeadError) {
    for index in target where !head[index].isVisible || head[index] == 0x23 { throw .target }
    if method.count == 7, head.holdsExactly(method.lowerBound, Self.connect) { throw .target }
    if head[target.lowerBound] != .slash { try splitAbsolute(in: head) }
    path = path.lowerBound..<(head.first(.question, in: path) ?? path.upperBound)
  }

  private mutating func splitAbsolute(in head: Span<UInt8>) throws(HeadError) {
    guard let colon = head.first(.colon, in: target), colon + 2 < target.upperBound,
      head[colon + 1] == .slash, head[colon + 2] == .slash, Self.isServed(target.lowerBound..<colon, in: head)
    else { throw .target }
    var end = colon + 3
    while end < target.upperBound, head[end] != .slash, head[end] != .question { end += 1 }
    authority = try Authority(colon + 3..<end, in: head)
    path = end..<target.upperBound
  }

  private static func isServed(_ scheme: Range<Int>, in head: Span<UInt8>) -> Bool {
    head.holds(scheme, "http") || head.holds(scheme, "https") || head.holds(scheme, "ws")
      || head.holds(scheme, "wss")
  }
}

extension Span where Element == UInt8 {
  /// True exactly when these bytes are at `start`, case and all.
  func holdsExactly(_ start: Int, _ expected: [UInt8]) -> Bool {
    guard start + expected.count <= count else { return false }
    for offset in 0..<expected.count where self[start + offset] != expected[offset] { return false }
    return true
  }
}
