internal import Settings
internal import Synchronization

/// One connection's side of the conversation: pure, the socket is somebody else's.
struct CommandSession: Sendable {
  enum SeverityOutput: String, Sendable { case none, number, string }

  var level: Settings.Admin.Level
  /// True exactly after `prompt`: the connection stays open between lines, and each answer ends with `> `.
  var isInteractive = false
  var severityOutput = SeverityOutput.none
  /// True exactly after `quit`.
  var isOver = false

  init(level: Settings.Admin.Level) { self.level = level }

  /// Runs a line's commands in order.
  /// - Returns: what to send: each answer, the empty line after it, and the prompt where there is one.
  mutating func answer(_ line: String, _ context: CommandContext) -> String {
    var text = ""
    let commands = CommandLineParser.commands(in: line)
    if commands.isEmpty { text = ending }
    for words in commands where !isOver {
      context.socketFigures.commands.wrappingAdd(1, ordering: .relaxed)
      let answer = run(words, context)
      if !isOver { text += format(answer) + ending }
    }
    return text
  }

  private var ending: String { isInteractive ? "\n> " : "\n" }

  private mutating func run(_ words: [String], _ context: CommandContext) -> Answer {
    guard let command = Command.find(words) else {
      return .failure("Unknown command: '\(words.joined(separator: " "))'.\n" + Command.listing(level, words))
    }
    guard level.includes(command.level) else { return .failure("Permission denied") }
    return command.run(&self, words.dropFirst(command.words.count), context)
  }

  private func format(_ answer: Answer) -> String {
    switch answer {
    case .nothing: ""
    case .output(let text): Self.lines(text)
    case .message(let severity, let text): prefix(severity) + Self.lines(text)
    }
  }

  private func prefix(_ severity: Severity) -> String {
    switch severityOutput {
    case .none: ""
    case .number: "[\(severity.rawValue)]: "
    case .string: "[\(severity.word)]: "
    }
  }

  /// `text` with a newline at the end of each of its lines and without empty ones, which would end the answer.
  private static func lines(_ text: String) -> String {
    text.split(separator: "\n").reduce(into: "") { $0 += $1 + "\n" }
  }
}
