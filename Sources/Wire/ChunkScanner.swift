/// The states of chunked framing (RFC 9112 section 7.1).
struct ChunkScanner: Sendable {
  private enum Stage {
    case size, blank, extensions, sizeEnd
    case data, dataCR, dataLF
    case trailer, trailerName, trailerValue, trailerEnd, end
    case done, malformed
  }
  /// Bytes of extensions to a chunk's size.
  static let extensionLimit = 256
  /// Bytes of all trailers together.
  static let trailerLimit = 8192
  /// Hexadecimal digits of a size: far beyond any real chunk, far from overflow.
  static let digitLimit = 15

  private var stage = Stage.size
  /// The size while it is read, then what is left of the chunk.
  private var remaining: UInt64 = 0
  /// Bytes of the part that is bounded: digits, extensions, or trailers.
  private var counted = 0

  mutating func consume(_ bytes: Span<UInt8>) -> BodyProgress {
    var index = 0
    while index < bytes.count, stage != .done, stage != .malformed {
      if stage == .data {
        let count = Int(min(remaining, UInt64(bytes.count - index)))
        remaining -= UInt64(count)
        index += count
        if remaining == 0 { stage = .dataCR }
      } else {
        stage = next(bytes[index])
        if stage != .malformed { index += 1 }
      }
    }
    let state: BodyProgress.State = stage == .done ? .done : stage == .malformed ? .malformed : .more
    return BodyProgress(count: index, state: state)
  }

  private mutating func next(_ byte: UInt8) -> Stage {
    switch stage {
    case .size: size(byte)
    case .blank, .extensions: extensions(byte)
    case .sizeEnd: byte == .lineFeed ? afterSize() : .malformed
    case .dataCR: byte == .carriageReturn ? .dataLF : .malformed
    case .dataLF: byte == .lineFeed ? startSize() : .malformed
    case .trailer, .trailerName, .trailerValue: trailer(byte)
    case .trailerEnd: byte == .lineFeed ? .trailer : .malformed
    case .end: byte == .lineFeed ? .done : .malformed
    case .data, .done, .malformed: stage
    }
  }

  private mutating func startSize() -> Stage {
    (remaining, counted) = (0, 0)
    return .size
  }

  private mutating func afterSize() -> Stage {
    counted = 0
    return remaining == 0 ? .trailer : .data
  }

  private mutating func size(_ byte: UInt8) -> Stage {
    if let digit = byte.hexValue {
      guard counted < Self.digitLimit else { return .malformed }
      counted += 1
      remaining = remaining << 4 | UInt64(digit)
      return .size
    }
    guard counted > 0 else { return .malformed }
    counted = 0
    if byte == .carriageReturn { return .sizeEnd }
    if byte == .semicolon { return .extensions }
    return byte.isBlank ? .blank : .malformed
  }

  private mutating func extensions(_ byte: UInt8) -> Stage {
    counted += 1
    guard counted <= Self.extensionLimit else { return .malformed }
    // Blanks may only lead to an extension: "5 " is no size.
    if stage == .blank { return byte == .semicolon ? .extensions : byte.isBlank ? .blank : .malformed }
    if byte == .carriageReturn { return .sizeEnd }
    return byte.isFieldContent ? .extensions : .malformed
  }

  private mutating func trailer(_ byte: UInt8) -> Stage {
    counted += 1
    guard counted <= Self.trailerLimit else { return .malformed }
    switch stage {
    case .trailer where byte == .carriageReturn: return .end
    case .trailerName where byte == .colon: return .trailerValue
    case .trailerValue where byte == .carriageReturn: return .trailerEnd
    case .trailerValue: return byte.isFieldContent ? .trailerValue : .malformed
    default: return byte.isToken ? .trailerName : .malformed
    }
  }
}
