/// A field line's places in the head.
struct Field {
  /// The whole line with its end.
  var line: Range<Int>
  var name: Range<Int>
  /// Without blanks at the ends.
  var value: Range<Int>
}

/// Walks over a head's lines and holds them to RFC 9112 section 5.
struct FieldCursor {
  private(set) var position = 0
  private(set) var count = 0

  /// The start line without its end.
  mutating func startLine(in head: Span<UInt8>) throws(HeadError) -> Range<Int> {
    let end = try lineEnd(in: head)
    defer { position = end + 2 }
    return position..<end
  }

  /// The next field; nil at the empty line, which must be the end of the head.
  mutating func next(in head: Span<UInt8>) throws(HeadError) -> Field? {
    let start = position
    let end = try lineEnd(in: head)
    if end == start {
      guard end + 2 == head.count else { throw .unterminated }
      return nil
    }
    // A line that begins with a blank (obs-fold) has no token here, and neither has one without a name.
    guard let colon = head.first(.colon, in: start..<end), head.isToken(start..<colon) else {
      throw .fieldLine
    }
    position = end + 2
    count += 1
    return Field(line: start..<end + 2, name: start..<colon, value: head.trimmed(colon + 1..<end))
  }

  /// Where the carriage return of the current line's end is.
  private func lineEnd(in head: Span<UInt8>) throws(HeadError) -> Int {
    var index = position
    while index < head.count {
      let byte = head[index]
      if byte == .carriageReturn {
        guard index + 1 < head.count else { throw .unterminated }
        guard head[index + 1] == .lineFeed else { throw .bareCarriageReturn }
        return index
      }
      guard byte.isFieldContent else { throw byte == .lineFeed ? .bareLineFeed : .controlByte }
      index += 1
    }
    throw .unterminated
  }
}
