/// Reading text out of a span, by ranges: no copies, no strings.
extension Span where Element == UInt8 {
  /// True exactly when the range holds `text` (which is in lower case), whatever the case of its letters.
  func holds(_ range: Range<Int>, _ text: String) -> Bool {
    guard range.count == text.utf8.count else { return false }
    var index = range.lowerBound
    for byte in text.utf8 {
      guard self[index].lowercased == byte else { return false }
      index += 1
    }
    return true
  }

  /// The range without blanks at its ends.
  func trimmed(_ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, self[start].isBlank { start += 1 }
    while start < end, self[end - 1].isBlank { end -= 1 }
    return start..<end
  }

  /// True exactly when the range is a token of at least one byte.
  func isToken(_ range: Range<Int>) -> Bool {
    for index in range where !self[index].isToken { return false }
    return !range.isEmpty
  }

  /// Where the byte is first found in the range, or nil.
  func first(_ byte: UInt8, in range: Range<Int>) -> Int? {
    for index in range where self[index] == byte { return index }
    return nil
  }

  /// A number of decimal digits only, or nil (nothing there, something else there, more than fits).
  func decimal(_ range: Range<Int>) -> UInt64? {
    guard !range.isEmpty, range.count <= 18 else { return nil }
    var value: UInt64 = 0
    for index in range {
      guard self[index].isDigit else { return nil }
      value = value * 10 + UInt64(self[index] - 0x30)
    }
    return value
  }

  /// Copies the range behind what `output` holds.
  func append(_ range: Range<Int>, to output: inout [UInt8]) {
    for index in range { output.append(self[index]) }
  }
}

/// Walks over the elements of a comma-separated list, blanks and empty elements left out
/// (RFC 9110 section 5.6.1).
struct ListCursor {
  private var position: Int
  private let end: Int

  init(_ value: Range<Int>) {
    position = value.lowerBound
    end = value.upperBound
  }

  mutating func next(in bytes: Span<UInt8>) -> Range<Int>? {
    while position < end {
      let comma = bytes.first(.comma, in: position..<end) ?? end
      let element = bytes.trimmed(position..<comma)
      position = min(comma + 1, end)
      if !element.isEmpty { return element }
    }
    return nil
  }
}
