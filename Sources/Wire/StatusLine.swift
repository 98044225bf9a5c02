/// The first line of a response (RFC 9112 section 4). The reason and the space before it may be missing, as
/// some servers have it.
struct StatusLine {
  var status: Int
  var minorVersion: UInt8

  private static let name: [UInt8] = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e]

  init(_ line: Range<Int>, in head: Span<UInt8>) throws(HeadError) {
    let start = line.lowerBound
    guard line.count >= 12, head.holdsExactly(start, Self.name), head[start + 7].isDigit,
      head[start + 8] == .space, let code = head.decimal(start + 9..<start + 12), code >= 100
    else { throw .startLine }
    guard head[start + 7] <= 0x31 else { throw .version }
    guard line.count == 12 || head[start + 12] == .space else { throw .startLine }
    status = Int(code)
    minorVersion = head[start + 7] - 0x30
  }
}
