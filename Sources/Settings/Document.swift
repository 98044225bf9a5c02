internal import Yams

/// The file's YAML, before its keys mean anything.
struct Document {
  /// More than this is no configuration that somebody wrote.
  static let sizeLimit = 1 << 20

  var root: Node
  /// Keys that had to be renamed to get past Yams, and what they are called; `MappingReader` reports them.
  var renamedKeys: [String: String] = [:]

  /// Yams ends at the first mapping that has a key twice, and doesn't say where the second one is. So the
  /// first is renamed, in place and at the same length, and it is tried again: then all duplicates are found
  /// by the `MappingReader`, with all the other problems, and every place stays right.
  static func parse(_ yaml: String, file: String) throws(SettingsProblem) -> Document {
    let text = yaml.hasPrefix("\u{feff}") ? String(yaml.unicodeScalars.dropFirst()) : yaml
    try check(text, file)
    var source = SourceText(text)
    var renamed: [String: String] = [:]
    while true {
      do {
        guard let root = try Yams.compose(yaml: source.text, .basic, .default, .utf8), !root.isNothing else {
          throw SettingsProblem(file: file, location: .start, message: "the file is empty")
        }
        return Document(root: root, renamedKeys: renamed)
      } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
        let location = SourceLocation(line: context.mark.line, column: context.mark.column)
        let key = keys.first ?? ""
        guard let alias = source.rename(key, at: location, number: renamed.count) else {
          let message = "duplicate key \(quoted(key)): it stands here and again further on"
          throw SettingsProblem(file: file, location: location, message: message)
        }
        renamed[alias] = key
      } catch let problem as SettingsProblem {
        throw problem
      } catch {
        throw describe(error, source, file)
      }
    }
  }

  private static func check(_ text: String, _ file: String) throws(SettingsProblem) {
    guard text.utf8.count <= sizeLimit else {
      let size = text.utf8.count
      throw SettingsProblem(
        file: file, location: .start, message: "the file has \(size) bytes; at most \(sizeLimit) are read")
    }
  }

  /// libyaml's words for what is no YAML, and ours for what people run into.
  private static func describe(_ error: any Error, _ source: SourceText, _ file: String) -> SettingsProblem {
    switch error as? YamlError {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let location = SourceLocation(line: mark.line, column: mark.column)
      if let tab = source.indentingTab(line: mark.line) {
        let message = "a tab can't indent in YAML; use spaces"
        return SettingsProblem(file: file, location: tab, message: message)
      }
      let message = explain(problem, context, source.hasBareBrackets(line: mark.line))
      return SettingsProblem(file: file, location: location, message: message)
    case .reader(let problem, let offset, _, _):
      let message = "not valid YAML: \(problem)"
      return SettingsProblem(
        file: file, location: source.location(ofCharacter: offset ?? 0), message: message)
    default:
      return SettingsProblem(file: file, location: .start, message: "not valid YAML")
    }
  }

  private static func explain(_ problem: String, _ context: YamlError.Context?, _ brackets: Bool) -> String {
    if problem.contains("another document") { return "a second document begins here; settings are one" }
    if problem.contains("nesting level") { return "nested too deeply" }
    let place = context.map { " (\($0.text), line \($0.mark.line))" } ?? ""
    let hint = brackets ? "; an address in brackets needs quotation marks: \"[::]:443\"" : ""
    return "not valid YAML: \(problem)\(place)\(hint)"
  }
}

extension SourceLocation {
  static let start = SourceLocation(line: 1, column: 1)
}
