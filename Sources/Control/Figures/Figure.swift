/// A value of `show info` and `show stat`, in one of the types of HAProxy's typed output.
enum FigureValue: Sendable, Equatable {
  case s32(Int32), s64(Int64), u32(UInt32), u64(UInt64), float(Double), string(String)

  /// A 32-bit figure from any number: figures saturate, they don't trap.
  static func number(_ value: some BinaryInteger) -> Self { .u32(UInt32(clamping: value)) }
  static func large(_ value: some BinaryInteger) -> Self { .u64(UInt64(clamping: value)) }

  /// A share with four decimals.
  static func ratio(_ value: Double) -> Self { .float((value * 10000).rounded() / 10000) }

  /// 0 of nothing is 0.
  static func ratio(_ part: UInt64, of whole: UInt64) -> Self {
    .ratio(whole == 0 ? 0 : Double(part) / Double(whole))
  }

  var type: String {
    switch self {
    case .s32: "s32"
    case .s64: "s64"
    case .u32: "u32"
    case .u64: "u64"
    case .float: "flt"
    case .string: "str"
    }
  }

  /// One line, whatever a string holds: an answer must not contain an empty line.
  var text: String {
    switch self {
    case .s32(let value): String(value)
    case .s64(let value): String(value)
    case .u32(let value): String(value)
    case .u64(let value): String(value)
    case .float(let value): String(value)
    case .string(let value): String(value.map { $0.isNewline ? " " : $0 })
    }
  }

  var json: String {
    if case .string(let value) = self { JSONObject.quoted(value) } else { text }
  }
}

/// What is told of a figure beside its value: where it comes from, what it counts, whose it is, whether it
/// outlives the process. Letters as in HAProxy's management guide, section 9.2.
struct FigureTags: Sendable, Equatable {
  let letters: String

  /// - Parameter letters: origin, nature, scope; all figures of ours are volatile.
  init(_ letters: String) {
    assert(letters.utf8.count == 3)
    self.letters = letters + "V"
  }

  var json: String {
    let letter = Array(letters)
    var tags = JSONObject()
    tags.add("origin", Self.origins[letter[0]])
    tags.add("nature", Self.natures[letter[1]])
    tags.add("scope", Self.scopes[letter[2]])
    tags.add("persistence", "Volatile")
    return tags.finished()
  }

  private static let origins: [Character: String] = [
    "M": "Metric", "S": "Status", "K": "Key", "C": "Config", "P": "Product",
  ]
  private static let natures: [Character: String] = [
    "A": "Age", "a": "Avg", "C": "Counter", "D": "Duration", "G": "Gauge", "L": "Limit", "M": "Max",
    "m": "Min", "N": "Name", "O": "Output", "R": "Rate", "T": "Time",
  ]
  private static let scopes: [Character: String] = [
    "C": "Cluster", "P": "Process", "S": "Service", "s": "System",
  ]
}

/// A figure at its place.
struct Figure: Sendable {
  var position: Int
  var name: String
  var tags: FigureTags
  var value: FigureValue

  /// `<position>.<name>.<process>:<tags>:<type>:<value>`.
  var typed: String { "\(position).\(name).1:\(tags.letters):\(value.type):\(value.text)" }

  /// - Parameter key: fields that come first.
  func json(after key: JSONObject = JSONObject()) -> String {
    var object = key
    var field = JSONObject()
    field.add("pos", position)
    field.add("name", name)
    var typed = JSONObject()
    typed.add("type", value.type)
    typed.add("value", raw: value.json)
    object.add("field", raw: field.finished())
    object.add("processNum", 1)
    object.add("tags", raw: tags.json)
    object.add("value", raw: typed.finished())
    return object.finished()
  }
}
