internal import Basics
internal import Yams

/// What is gathered while one file is read: the problems, and facts that are judged once all is known.
final class Reading {
  /// A file full of mistakes shows this many; nobody reads more at once.
  static let problemLimit = 100
  /// Aliases of aliases can make a small file mean an endless one: reading stops after this many values.
  static let valueLimit = 200_000

  let file: String
  /// Keys that the `Document` renamed because their mapping has them twice, and what they are really called.
  let renamedKeys: [String: String]
  private(set) var problems: [SettingsProblem] = []
  private var valuesLeft = Reading.valueLimit

  /// Names of pools, also of those that have other problems.
  var poolNames: [String] = []
  var poolReferences: [(name: String, location: SourceLocation)] = []
  /// Where each address is bound first.
  var boundAt: [Endpoint: SourceLocation] = [:]

  init(file: String, renamedKeys: [String: String] = [:]) {
    self.file = file
    self.renamedKeys = renamedKeys
  }

  func report(_ location: SourceLocation, _ message: String) {
    guard problems.count < Self.problemLimit else { return }
    problems.append(SettingsProblem(file: file, location: location, message: message))
  }

  /// False when the file means more values than we are willing to read; has reported it then.
  func spendValue(at location: SourceLocation) -> Bool {
    valuesLeft -= 1
    if valuesLeft == 0 {
      report(location, "too many values: aliases make this file mean more than \(Self.valueLimit) of them")
    }
    return valuesLeft > 0
  }

  /// A relative path is relative to the file's folder, so that it means the same wherever we are started.
  func resolve(_ path: String) -> String {
    guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
    return file[...slash] + path
  }

  /// Judges what needs the whole file: every pool that is referred to exists.
  func checkReferences() {
    for reference in poolReferences where !poolNames.contains(reference.name) {
      let hint =
        poolNames.isEmpty
        ? "; there are no pools" : suggestion(for: reference.name, among: poolNames) ?? list(poolNames)
      report(reference.location, "no pool is named \(quoted(reference.name))\(hint)")
    }
  }

  private func list(_ names: [String]) -> String {
    names.count > 10 ? "" : "; there are " + names.sorted().map(quoted).joined(separator: ", ")
  }

  /// The problems by place, each once (an alias is read wherever it is used).
  func sortedProblems() -> [SettingsProblem] {
    var seen: Set<String> = []
    return problems.enumerated().sorted { a, b in
      let (x, y) = (a.element.location, b.element.location)
      return (x.line, x.column, a.offset) < (y.line, y.column, b.offset)
    }.map(\.element).filter { seen.insert($0.description).inserted }
  }
}

extension Node {
  var location: SourceLocation { SourceLocation(line: mark?.line ?? 1, column: mark?.column ?? 1) }

  /// True exactly when the file has nothing here, or says so (`~`, `null`).
  var isNothing: Bool {
    guard case .scalar(let scalar) = self, scalar.style == .plain else { return false }
    return ["", "~", "null"].contains(scalar.string)
  }

  /// What stands here, for "expected ..., got ...".
  var summary: String {
    if isNothing { return "nothing" }
    return switch self {
    case .scalar(let scalar): quoted(scalar.string)
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .alias: "an alias"
    }
  }
}

/// The text in quotation marks, short and on one line whatever is in it.
func quoted(_ text: String) -> String {
  let limit = 80
  let shown = text.unicodeScalars.prefix(limit).map { scalar in
    scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
  }
  return "\"\(shown.joined())\(text.unicodeScalars.count > limit ? "..." : "")\""
}
