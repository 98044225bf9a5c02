/// Follows the frames of one direction of a WebSocket, whatever the pieces they come in (RFC 6455 section 5).
///
/// Headers are decoded as they pass and payloads skipped by arithmetic. A stream that breaks the protocol
/// turns the observer opaque: it says so once and looks at nothing more, while the relay goes on, since
/// judging is the peers' affair. Reserved bits are left to the extensions that the peers have agreed upon.
public struct FrameObserver: Sendable {
  /// Who sends in this direction; a client masks, a backend doesn't.
  public enum Sender: Sendable { case client, backend }

  private enum Stage: UInt8 { case first, second, length, mask, payload, opaque }

  /// The length while it is read, then what is left of the payload.
  private var remaining: UInt64 = 0
  /// The first two bytes of the mask, then of a close frame's payload, unmasked.
  private var maskHead: UInt16 = 0
  private var closeCode: UInt16 = 0
  /// The current frame's first byte.
  private var first: UInt8 = 0
  private var stage = Stage.first
  /// Bytes of the length or the mask that are still to come, or of a close code that have been read.
  private var counted: UInt8 = 0
  private var lengthBytes: UInt8 = 0
  private let masks: Bool
  /// True exactly when a fragmented message has begun and not ended.
  private var isFragmented = false
  /// True exactly when a whole close frame has passed.
  public private(set) var sawClose = false

  public init(from sender: Sender) { masks = sender == .client }

  /// True exactly when no frame has begun that hasn't ended: another frame may be put in here.
  public var isAtFrameBoundary: Bool { stage == .first }
  /// True exactly when the stream broke the protocol and isn't followed any more.
  public var isOpaque: Bool { stage == .opaque }
  /// True exactly when a message has begun that hasn't ended.
  public var isInMessage: Bool { isFragmented || stage != .first && stage != .opaque && !isControl }

  private var isControl: Bool { first & 8 != 0 }
  private var isClose: Bool { first & 15 == FrameOpcode.close.rawValue }

  /// Looks at the bytes that follow those of the call before.
  public mutating func observe(_ bytes: Span<UInt8>) -> FrameFacts {
    var facts = FrameFacts()
    observe(bytes, into: &facts)
    return facts
  }

  /// Not inlined: Swift 6.3's optimizer otherwise drops every change to the caller's facts, and all calls
  /// report nothing. FrameObserverTests show it when they run in the release build.
  @inline(never)
  private mutating func observe(_ bytes: Span<UInt8>, into facts: inout FrameFacts) {
    var index = 0
    let count = bytes.count
    while index < count {
      switch stage {
      case .payload: index += takePayload(bytes, from: index, &facts)
      case .opaque: return
      case .first:
        takeFirst(bytes[index], &facts)
        index += 1
      case .second:
        takeSecond(bytes[index], &facts)
        index += 1
      case .length:
        takeLength(bytes[index], &facts)
        index += 1
      case .mask:
        takeMask(bytes[index], &facts)
        index += 1
      }
    }
  }

  private mutating func turnOpaque(_ violation: FrameViolation, _ facts: inout FrameFacts) {
    stage = .opaque
    facts.violation = violation
  }

  private mutating func takeFirst(_ byte: UInt8, _ facts: inout FrameFacts) {
    first = byte
    guard let opcode = FrameOpcode(rawValue: byte & 15) else { return turnOpaque(.reservedOpcode, &facts) }
    if opcode.isControl {
      guard byte & 0x80 != 0 else { return turnOpaque(.fragmentedControl, &facts) }
    } else {
      guard (opcode == .continuation) == isFragmented else { return turnOpaque(.continuation, &facts) }
      isFragmented = byte & 0x80 == 0
    }
    stage = .second
  }

  private mutating func takeSecond(_ byte: UInt8, _ facts: inout FrameFacts) {
    guard (byte & 0x80 != 0) == masks else { return turnOpaque(.mask, &facts) }
    let short = byte & 0x7f
    if isControl && (short > 125 || isClose && short == 1) { return turnOpaque(.controlLength, &facts) }
    (remaining, maskHead, closeCode) = (UInt64(short), 0, 0)
    guard short > 125 else { return afterLength(&facts) }
    remaining = 0
    lengthBytes = short == 126 ? 2 : 8
    counted = lengthBytes
    stage = .length
  }

  private mutating func takeLength(_ byte: UInt8, _ facts: inout FrameFacts) {
    remaining = remaining << 8 | UInt64(byte)
    counted -= 1
    guard counted == 0 else { return }
    guard FrameHeader.isMinimal(remaining, Int(lengthBytes)) else { return turnOpaque(.length, &facts) }
    afterLength(&facts)
  }

  private mutating func afterLength(_ facts: inout FrameFacts) {
    guard masks else { return startPayload(&facts) }
    counted = 4
    stage = .mask
  }

  private mutating func takeMask(_ byte: UInt8, _ facts: inout FrameFacts) {
    if counted > 2 { maskHead = maskHead << 8 | UInt16(byte) }
    counted -= 1
    if counted == 0 { startPayload(&facts) }
  }

  private mutating func startPayload(_ facts: inout FrameFacts) {
    counted = 0
    stage = .payload
    if remaining == 0 { endFrame(&facts) }
  }

  /// How many bytes of the payload are there.
  private mutating func takePayload(_ bytes: Span<UInt8>, from index: Int, _ facts: inout FrameFacts) -> Int {
    let count = Int(min(remaining, UInt64(bytes.count - index)))
    remaining -= UInt64(count)
    if !isControl {
      facts.payloadBytes &+= UInt64(count)
    } else if isClose {
      takeCloseCode(bytes, index..<index + count)
    }
    if remaining == 0 { endFrame(&facts) }
    return count
  }

  private mutating func takeCloseCode(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    for index in range where counted < 2 {
      closeCode = closeCode << 8 | UInt16(bytes[index])
      counted += 1
    }
  }

  private mutating func endFrame(_ facts: inout FrameFacts) {
    stage = .first
    switch first & 15 {
    case FrameOpcode.ping.rawValue: facts.pings &+= 1
    case FrameOpcode.pong.rawValue: facts.pongs &+= 1
    case FrameOpcode.close.rawValue:
      facts.closes &+= 1
      facts.closeCode = counted == 2 ? closeCode ^ maskHead : 1005
      sawClose = true
    default: if first & 0x80 != 0 { facts.messages &+= 1 }
    }
  }
}
