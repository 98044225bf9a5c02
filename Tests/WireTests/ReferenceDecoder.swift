@testable import Wire

/// Decodes a whole stream at once, naively: what a `FrameObserver` is compared with.
struct ReferenceDecoder {
  var facts = FrameFacts()
  var isAtBoundary = true

  init(_ stream: [UInt8], from sender: FrameObserver.Sender) {
    var rest = stream[...]
    var isOpen = false
    while !rest.isEmpty {
      isAtBoundary = false
      if let violation = Self.early(Array(rest), isOpen: isOpen, sender: sender) {
        facts.violation = violation
        return
      }
      guard case .header(let header, let length) = FrameHeader.decode(Array(rest).span) else { return }
      let payload = rest.dropFirst(length).prefix(Int(clamping: header.payloadLength))
      if !header.opcode.isControl {
        isOpen = !header.isFinal
        facts.payloadBytes += UInt64(payload.count)
      }
      guard UInt64(payload.count) == header.payloadLength else { return }
      count(header, Array(payload))
      rest = rest.dropFirst(length + payload.count)
      isAtBoundary = true
    }
  }

  /// What is wrong with the bytes that are there, in the order in which they tell.
  private static func early(_ rest: [UInt8], isOpen: Bool, sender: FrameObserver.Sender) -> FrameViolation? {
    guard let opcode = FrameOpcode(rawValue: rest[0] & 15) else { return .reservedOpcode }
    if opcode.isControl && rest[0] < 128 { return .fragmentedControl }
    if !opcode.isControl && (opcode == .continuation) != isOpen { return .continuation }
    guard rest.count > 1 else { return nil }
    if (rest[1] >= 128) != (sender == .client) { return .mask }
    if case .malformed(let violation) = FrameHeader.decode(rest.span) { return violation }
    // A length tells before its mask has come.
    let unmasked = [rest[0], rest[1] & 127] + rest[2...]
    if case .malformed(let violation) = FrameHeader.decode(unmasked.span) { return violation }
    return nil
  }

  private mutating func count(_ header: FrameHeader, _ payload: [UInt8]) {
    switch header.opcode {
    case .ping: facts.pings += 1
    case .pong: facts.pongs += 1
    case .close:
      facts.closes += 1
      let mask = UInt16((header.mask ?? 0) >> 16)
      facts.closeCode = payload.isEmpty ? 1005 : (UInt16(payload[0]) << 8 | UInt16(payload[1])) ^ mask
    default: if header.isFinal { facts.messages += 1 }
    }
  }
}
