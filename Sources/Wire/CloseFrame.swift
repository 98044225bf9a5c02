/// A close frame as a server sends it: unmasked (RFC 6455 section 5.5.1).
public enum CloseFrame {
  /// Codes that the proxy sends (RFC 6455 section 7.4.1 and IANA's registry).
  public static let goingAway: UInt16 = 1001
  public static let serviceRestart: UInt16 = 1012
  public static let tryAgainLater: UInt16 = 1013

  /// Bytes that a reason may have beside the code in a control frame.
  public static let reasonLimit = 123

  /// The whole frame. The reason is cut at 123 bytes, between characters. One that could be read as JSON gets
  /// words before it, since some clients take JSON there for an instruction.
  public static func encode(code: UInt16, reason: String = "") -> [UInt8] {
    let text = cut(looksLikeJSON(reason) ? "closed: " + reason : reason)
    var frame: [UInt8] = []
    FrameHeader(opcode: .close, payloadLength: UInt64(2 + text.count)).encode(to: &frame)
    frame.append(UInt8(code >> 8))
    frame.append(UInt8(code & 255))
    return frame + text
  }

  private static func cut(_ reason: String) -> [UInt8] {
    var text: [UInt8] = []
    for scalar in reason.unicodeScalars {
      let bytes = Array(String(scalar).utf8)
      guard text.count + bytes.count <= reasonLimit else { break }
      text += bytes
    }
    return text
  }

  /// True when the text begins as a JSON value does; some that aren't JSON are among those.
  private static func looksLikeJSON(_ reason: String) -> Bool {
    if let first = reason.utf8.first(where: { !$0.isBlank && $0 != .lineFeed && $0 != .carriageReturn }) {
      if first.isDigit || [0x7b, 0x5b, 0x22, 0x2d].contains(first) { return true }
    }
    let word = reason.utf8.filter { $0.isLetter }
    return word.count == reason.utf8.filter { !$0.isBlank }.count
      && ["true", "false", "null"].contains { Array($0.utf8) == Array(word) }
  }
}
