/// How far a body has come.
public struct BodyProgress: Hashable, Sendable {
  public enum State: Hashable, Sendable { case more, done, malformed }
  /// Bytes of the span that belong to the body, its framing included.
  public var count: Int
  public var state: State
}

/// Finds the end of a body while its bytes pass, whatever the pieces they come in.
///
/// Chunked framing (RFC 9112 section 7.1) is held to its grammar, extensions and trailers are bounded; the
/// bytes pass as they are.
public struct BodyFramer: Sendable {
  private enum Mode { case none, length, chunked, untilClose }
  private let mode: Mode
  private var remaining: UInt64
  private var chunks = ChunkScanner()

  public init(_ kind: BodyKind) {
    switch kind {
    case .none: (mode, remaining) = (.none, 0)
    case .length(let length): (mode, remaining) = (.length, length)
    case .chunked: (mode, remaining) = (.chunked, 0)
    case .untilClose: (mode, remaining) = (.untilClose, 0)
    }
  }

  /// True exactly when the body ends with the connection: a close is its proper end.
  public var endsWithConnection: Bool { mode == .untilClose }

  /// Takes the next bytes. After `.done` no byte belongs to the body; after `.malformed` the message is lost.
  public mutating func consume(_ bytes: Span<UInt8>) -> BodyProgress {
    switch mode {
    case .none: return BodyProgress(count: 0, state: .done)
    case .untilClose: return BodyProgress(count: bytes.count, state: .more)
    case .chunked: return chunks.consume(bytes)
    case .length:
      let count = Int(min(remaining, UInt64(bytes.count)))
      remaining -= UInt64(count)
      return BodyProgress(count: count, state: remaining == 0 ? .done : .more)
    }
  }
}
