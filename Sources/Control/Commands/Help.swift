internal import Settings

extension Command {
  static let help = Command("help", arguments: "[<command>]", help: "list matching or all commands") {
    session, arguments, _ in
    .output("The following commands are valid at this level:\n" + listing(session.level, Array(arguments)))
  }

  /// The commands that `level` may call and that begin like `words` as far as it goes; all of them where none
  /// does.
  static func listing(_ level: Settings.Admin.Level, _ words: [String]) -> String {
    let allowed = table.filter { level.includes($0.level) }
    var matching = allowed
    for count in stride(from: words.count, to: 0, by: -1) {
      matching = allowed.filter { $0.words.starts(with: words.prefix(count)) }
      if !matching.isEmpty { break }
    }
    if matching.isEmpty { matching = allowed }
    let width = allowed.map(\.usage.utf8.count).max() ?? 0
    return matching.reduce(into: "") { text, command in
      let gap = String(repeating: " ", count: width - command.usage.utf8.count)
      text += "  \(command.usage)\(gap) : \(command.help)\n"
    }
  }
}
