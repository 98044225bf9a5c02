/// What is known of a head whose bytes are still coming.
public enum HeadScan: Hashable, Sendable {
  case incomplete
  /// The head is the first `length` bytes, its empty line included.
  case complete(length: Int)
  case tooLong(HeadError)
  case malformed(HeadError)
}

/// Finds the end of a head while its bytes come, looking at each byte once.
///
/// What can never become a head is refused at its first wrong byte: bare line ends, control bytes, an empty
/// first line (RFC 9112 section 2.2 lets a server skip one; we see one request a connection, so none is due).
public struct HeadScanner: Sendable {
  private let limit: Int
  private var position = 0
  /// Where the current line began.
  private var lineStart = 0

  /// - Parameter limit: the longest head, bytes.
  public init(limit: Int = HeadLimits().bytes) { self.limit = limit }

  /// Looks at the bytes collected so far, which begin with those of the call before.
  public mutating func scan(_ bytes: Span<UInt8>) -> HeadScan {
    while position < bytes.count {
      guard position < limit else { return .tooLong(lineStart == 0 ? .targetTooLong : .headTooLong) }
      let byte = bytes[position]
      if byte == .lineFeed {
        if position == 0 || bytes[position - 1] != .carriageReturn { return .malformed(.bareLineFeed) }
        if position - lineStart == 1 {
          return lineStart == 0 ? .malformed(.startLine) : .complete(length: position + 1)
        }
        lineStart = position + 1
      } else if position > 0 && bytes[position - 1] == .carriageReturn {
        return .malformed(.bareCarriageReturn)
      } else if byte != .carriageReturn && !byte.isFieldContent {
        return .malformed(.controlByte)
      }
      position += 1
    }
    return .incomplete
  }
}
