internal import Basics

/// A JSON object (RFC 8259), built field by field; the order of the calls is the order of the fields.
struct JSONObject {
  private(set) var text = "{"

  mutating func add(_ name: String, _ value: String?) {
    begin(name)
    if let value { Self.append(quoted: value, to: &text) } else { text += "null" }
  }

  mutating func add(_ name: String, _ value: (some FixedWidthInteger)?) {
    begin(name)
    text += value.map { String($0) } ?? "null"
  }

  mutating func add(_ name: String, _ value: Bool) {
    begin(name)
    text += value ? "true" : "false"
  }

  /// Seconds with microseconds: `0.001250`.
  mutating func add(_ name: String, seconds duration: Duration) {
    begin(name)
    text += Self.seconds(duration)
  }

  /// A value that is JSON already.
  mutating func add(_ name: String, raw: String) {
    begin(name)
    text += raw
  }

  /// The object's text. Nothing is added after it.
  consuming func finished() -> String { text + "}" }

  private mutating func begin(_ name: String) {
    if text.utf8.count > 1 { text += "," }
    Self.append(quoted: name, to: &text)
    text += ":"
  }

  static func seconds(_ duration: Duration) -> String {
    let microseconds = Int(duration.clampedNanoseconds / 1000)
    return "\(microseconds / 1_000_000).\(padded(microseconds % 1_000_000, 6))"
  }

  static func quoted(_ value: String) -> String {
    var text = ""
    append(quoted: value, to: &text)
    return text
  }

  /// Escapes what RFC 8259 section 7 requires, DEL, and the line separators that some readers break lines at.
  static func append(quoted value: String, to text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{0}"..."\u{1f}", "\u{7f}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
