internal import Basics

/// The notations of single values. All are pure: text to value, nil for what isn't one.
enum ScalarText {
  /// `200_000`: decimal digits, single `_` between them, no leading zeros; `-` in front.
  static func integer(_ text: some StringProtocol) -> Int? {
    let negative = text.hasPrefix("-")
    let groups = text.dropFirst(negative ? 1 : 0).split(separator: "_", omittingEmptySubsequences: false)
    let digits = groups.joined()
    guard groups.allSatisfy({ !$0.isEmpty }), isDigits(digits) else { return nil }
    guard digits == "0" || !digits.hasPrefix("0") else { return nil }
    return Int(negative ? "-" + digits : digits)
  }

  static func bool(_ text: String) -> Bool? {
    switch text {
    case "on", "true", "yes": true
    case "off", "false", "no": false
    default: nil
    }
  }

  /// `30s`, `500ms`, `50us`, `1h`, and falling compounds such as `1m30s`.
  static func duration(_ text: String) -> Duration? {
    var rest = text[...]
    var total: Int64 = 0
    var lastUnit = Int64.max
    repeat {
      guard let part = amount(&rest), let unit = durationUnits[part.unit], unit < lastUnit,
        let microseconds = product(part.number, unit)
      else { return nil }
      let (sum, overflow) = total.addingReportingOverflow(microseconds)
      guard !overflow else { return nil }
      (total, lastUnit) = (sum, unit)
    } while !rest.isEmpty
    return .microseconds(total)
  }

  /// `64KiB`, `1MiB`, `100kB`, `10B`: binary and decimal units, told apart by the `i`.
  static func size(_ text: String) -> ByteCount? {
    var rest = text[...]
    guard let part = amount(&rest), rest.isEmpty, let unit = sizeUnits[part.unit],
      let bytes = product(part.number, unit)
    else { return nil }
    return ByteCount(Int(bytes))
  }

  /// `500/s`, `10/m`, `1/h`.
  static func rate(_ text: String) -> Rate? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let count = integer(parts[0]), count >= 0 else { return nil }
    return ratePeriods[String(parts[1])].map { Rate(count, per: $0) }
  }

  /// `60%`.
  static func percent(_ text: String) -> Int? {
    text.hasSuffix("%") ? integer(text.dropLast()) : nil
  }

  /// Permission bits in octal, as chmod has them: `0600`, `660`.
  static func permissions(_ text: String) -> UInt16? {
    guard (3...4).contains(text.utf8.count), isDigits(text) else { return nil }
    return UInt16(text, radix: 8).flatMap { $0 <= 0o777 ? $0 : nil }
  }

  /// Takes a number and the letters behind it off the text's beginning.
  private static func amount(_ rest: inout Substring) -> (number: Int, unit: String)? {
    let digits = rest.prefix { $0 == "_" || $0.isASCII && $0.isWholeNumber }
    let letters = rest[digits.endIndex...].prefix { $0.isASCII && $0.isLetter }
    guard let number = integer(digits) else { return nil }
    rest = rest[letters.endIndex...]
    return (number, String(letters))
  }

  private static func product(_ number: Int, _ unit: Int64) -> Int64? {
    let (product, overflow) = Int64(number).multipliedReportingOverflow(by: unit)
    return overflow ? nil : product
  }

  static func isDigits(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) }
  }
}

private let ratePeriods: [String: Duration] = ["s": .seconds(1), "m": .seconds(60), "h": .seconds(3600)]

/// In microseconds.
private let durationUnits: [String: Int64] = [
  "us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000,
]

/// In bytes.
private let sizeUnits: [String: Int64] = [
  "B": 1, "kB": 1000, "MB": 1_000_000, "GB": 1_000_000_000,
  "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
]

extension ScalarText {
  /// The duration as a file would have it: `1m30s`.
  static func text(_ duration: Duration) -> String {
    var rest = Int64(clamping: duration.clampedNanoseconds / 1000)
    guard rest > 0 else { return "0s" }
    var text = ""
    for unit in ["d", "h", "m", "s", "ms", "us"] {
      let (number, remainder) = rest.quotientAndRemainder(dividingBy: durationUnits[unit]!)
      if number > 0 { text += "\(number)\(unit)" }
      rest = remainder
    }
    return text
  }

  /// The size as a file would have it, in the largest binary unit that leaves no rest: `64KiB`.
  static func text(_ size: ByteCount) -> String {
    guard size.bytes > 0 else { return "0B" }
    let unit = ["TiB", "GiB", "MiB", "KiB"].first { size.bytes % Int(sizeUnits[$0]!) == 0 } ?? "B"
    return "\(size.bytes / Int(sizeUnits[unit]!))\(unit)"
  }

  /// The rate as a file would have it: `500/s`.
  static func text(_ rate: Rate) -> String {
    let unit = ratePeriods.first { $0.value == rate.period }?.key
    return "\(rate.count)/\(unit ?? text(rate.period))"
  }
}
