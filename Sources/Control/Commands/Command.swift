internal import Settings

/// A command of the stats socket.
struct Command: Sendable {
  /// The words that call it: `["show", "info"]`.
  let words: [String]
  /// The words with their arguments, and one line of help.
  let usage: String
  let help: String
  /// Who may call it: this level and those above.
  let level: Settings.Admin.Level
  /// Runs off the event loop: it may block for as long as a reload takes.
  let run: @Sendable (inout CommandSession, ArraySlice<String>, CommandContext) -> Answer

  init(
    _ words: String, arguments: String = "", help: String, level: Settings.Admin.Level = .user,
    run: @escaping @Sendable (inout CommandSession, ArraySlice<String>, CommandContext) -> Answer
  ) {
    self.words = words.split(separator: " ").map(String.init)
    self.usage = arguments.isEmpty ? words : "\(words) \(arguments)"
    self.help = help
    self.level = level
    self.run = run
  }
}

extension Command {
  private static let every: [Command] = [
    .clearCounters, .clearCountersAll, .reload, .setMaxconnFrontend, .setMaxconnGlobal, .setMaxconnServer,
    .setRateLimit, .setServer, .setTLSKey, .disableServer, .enableServer, .setSeverityOutput, .showInfo,
    .showLedger, .showServersState, .showTable, .showStat, .showTLSKeys, .showVersion, .lowerToOperator,
    .lowerToUser, .help, .prompt, .quit,
  ]

  /// All of them, in the order that `help` lists them.
  static let table = every.sorted {
    $0.isOfTheSession == $1.isOfTheSession ? $0.usage < $1.usage : !$0.isOfTheSession
  }

  private var isOfTheSession: Bool { ["help", "prompt", "quit"].contains(words[0]) }

  /// The command whose words begin `line`; the longest one where several do.
  static func find(_ line: [String]) -> Command? {
    table.filter { line.starts(with: $0.words) }.max { $0.words.count < $1.words.count }
  }
}

extension Settings.Admin.Level {
  /// True exactly when this level may do what `other` may.
  func includes(_ other: Self) -> Bool { rank >= other.rank }

  private var rank: Int {
    switch self {
    case .user: 0
    case .operator: 1
    case .admin: 2
    }
  }
}
