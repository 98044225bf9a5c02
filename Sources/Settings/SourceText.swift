/// The file's text by line and column; columns count Unicode scalars, as libyaml does.
struct SourceText {
  /// As many repeated keys are reported at once at most.
  static let renameLimit = 32
  /// Each costs a run of the YAML parser, so of large files fewer are: this many bytes in all.
  static let renameBytes = 2 << 20
  /// Private-use scalars: valid in YAML, and in nobody's keys.
  private static let firstAlias: UInt32 = 0xE000

  private(set) var text: String
  private let usesAliases: Bool

  init(_ text: String) {
    self.text = text
    usesAliases = text.unicodeScalars.contains { (0xE000...0xF8FF).contains($0.value) }
  }

  /// Writes an alias of the same length in place of the key that stands there.
  /// - Returns: the alias; nil when the key isn't written there plainly, or after too many.
  mutating func rename(_ key: String, at location: SourceLocation, number: Int) -> String? {
    guard number < min(Self.renameLimit, Self.renameBytes / text.utf8.count), !usesAliases, !key.isEmpty,
      let start = index(of: location),
      let mark = Unicode.Scalar(Self.firstAlias + UInt32(number))
    else { return nil }
    let scalars = text.unicodeScalars
    let isQuoted = scalars[start] == "\"" || scalars[start] == "'"
    let begin = isQuoted ? scalars.index(after: start) : start
    guard scalars[begin...].starts(with: key.unicodeScalars) else { return nil }
    let alias = String(String.UnicodeScalarView(repeatElement(mark, count: key.unicodeScalars.count)))
    let end = scalars.index(begin, offsetBy: key.unicodeScalars.count)
    text = String(scalars[..<begin]) + alias + String(scalars[end...])
    return alias
  }

  /// Where the line is indented by a tab; nil when it isn't.
  func indentingTab(line number: Int) -> SourceLocation? {
    let lines = text.unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" }
    guard lines.indices.contains(number - 1) else { return nil }
    let indent = lines[number - 1].prefix { $0 == " " || $0 == "\t" }
    guard let tab = indent.firstIndex(of: "\t") else { return nil }
    return SourceLocation(line: number, column: indent.distance(from: indent.startIndex, to: tab) + 1)
  }

  /// True exactly when the line has something like `[::]:443`, which YAML takes for a list.
  func hasBareBrackets(line number: Int) -> Bool {
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    guard lines.indices.contains(number - 1) else { return false }
    return lines[number - 1].contains("[:") || lines[number - 1].contains("]:")
  }

  func location(ofCharacter offset: Int) -> SourceLocation {
    let before = text.prefix(offset).unicodeScalars
    let lines = before.split(omittingEmptySubsequences: false) { $0 == "\n" }
    return SourceLocation(line: max(lines.count, 1), column: (lines.last?.count ?? 0) + 1)
  }

  private func index(of location: SourceLocation) -> String.Index? {
    let scalars = text.unicodeScalars
    var index = scalars.startIndex
    for _ in 1..<max(location.line, 1) {
      guard let newline = scalars[index...].firstIndex(of: "\n") else { return nil }
      index = scalars.index(after: newline)
    }
    let found = scalars.index(index, offsetBy: location.column - 1, limitedBy: scalars.endIndex)
    return found.flatMap { $0 < scalars.endIndex ? $0 : nil }
  }
}
