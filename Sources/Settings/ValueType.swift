internal import Basics
internal import Yams

/// How a value is read from the file, shown, and compared with what it was before.
///
/// The one place that knows a notation; a `Key` joins it with a name and a place in the model.
struct ValueType<Value: Equatable> {
  /// Completes "expected ...": "a duration such as 30s".
  var expected: String
  /// Nil when the value is wrong; has reported it then.
  var read: (Node, Reading) -> Value?
  /// As the file would have it.
  var show: (Value) -> String
  /// Sentences about what changed from the first value to the second; empty when they are equal.
  var compare: (Value, Value, Place) -> [String]

  init(
    expected: String, show: @escaping (Value) -> String, read: @escaping (Node, Reading) -> Value?,
    compare: ((Value, Value, Place) -> [String])? = nil
  ) {
    self.expected = expected
    self.show = show
    self.read = read
    self.compare =
      compare ?? { old, new, place in
        old == new ? [] : [place.sentence("is now \(show(new)), was \(show(old))")]
      }
  }
}

extension ValueType {
  /// A single value; `read` judges its text and reports what is wrong with it.
  static func text(
    _ expected: String, show: @escaping (Value) -> String,
    read: @escaping (String, SourceLocation, Reading) -> Value?
  ) -> Self {
    Self(expected: expected, show: show) { node, reading in
      guard case .scalar(let scalar) = node, !node.isNothing else {
        reading.report(node.location, "expected \(expected), got \(node.summary)")
        return nil
      }
      return read(scalar.string, node.location, reading)
    }
  }

  /// A single value that a pure function makes of its text.
  static func scalar(
    _ expected: String, show: @escaping (Value) -> String, parse: @escaping (String) -> Value?
  ) -> Self {
    text(expected, show: show) { text, location, reading in
      if let value = parse(text) { return value }
      reading.report(location, "expected \(expected), got \(quoted(text))")
      return nil
    }
  }
}

extension ValueType where Value: Comparable {
  func within(_ range: ClosedRange<Value>) -> Self {
    var type = self
    type.read = { node, reading in
      guard let value = read(node, reading) else { return nil }
      if range.contains(value) { return value }
      let bounds = "from \(show(range.lowerBound)) to \(show(range.upperBound))"
      reading.report(node.location, "must be \(bounds), got \(show(value))")
      return nil
    }
    return type
  }
}

extension ValueType where Value == Int {
  static func integer(
    _ range: ClosedRange<Int>, expected: String = "a whole number such as 100"
  ) -> Self {
    scalar(expected, show: { "\($0)" }, parse: { ScalarText.integer($0) }).within(range)
  }

  /// In percent.
  static func percent(_ range: ClosedRange<Int>) -> Self {
    scalar("a percentage such as 60%", show: { "\($0)%" }, parse: ScalarText.percent).within(range)
  }
}

extension ValueType where Value == Duration {
  static func duration(_ range: ClosedRange<Duration>) -> Self {
    scalar("a duration such as 30s", show: ScalarText.text, parse: ScalarText.duration).within(range)
  }
}

extension ValueType where Value == ByteCount {
  static func size(_ range: ClosedRange<ByteCount>) -> Self {
    scalar("a size such as 64KiB", show: ScalarText.text, parse: ScalarText.size).within(range)
  }
}

extension ValueType where Value == Bool {
  static var bool: Self { scalar("on or off", show: { $0 ? "on" : "off" }, parse: ScalarText.bool) }
}

extension ValueType where Value == UInt16 {
  static var permissions: Self {
    scalar(
      "octal permissions such as \"0600\"", show: { "0" + String($0, radix: 8) },
      parse: ScalarText.permissions)
  }
}

extension ValueType where Value: RawRepresentable<String> & CaseIterable {
  /// One of the enumeration's words.
  static var word: Self {
    let words = Value.allCases.map(\.rawValue)
    let expected = "one of " + words.joined(separator: ", ")
    return text(expected, show: { $0.rawValue }) { text, location, reading in
      if let value = Value(rawValue: text) { return value }
      let hint = suggestion(for: text, among: words) ?? ""
      reading.report(location, "expected \(expected), got \(quoted(text))\(hint)")
      return nil
    }
  }
}
