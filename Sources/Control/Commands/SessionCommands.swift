internal import Settings

extension Command {
  static let prompt = Command("prompt", help: "toggle interactive mode with prompt") { session, _, _ in
    session.isInteractive.toggle()
    return .nothing
  }

  static let quit = Command("quit", help: "disconnect") { session, _, _ in
    session.isOver = true
    return .nothing
  }

  static let lowerToUser = Command("user", help: "lower the level of the current CLI session to user") {
    session, _, _ in
    session.level = .user
    return .nothing
  }

  static let lowerToOperator = Command(
    "operator", help: "lower the level of the current CLI session to operator", level: .operator
  ) { session, _, _ in
    session.level = .operator
    return .nothing
  }

  static let setSeverityOutput = Command(
    "set severity-output", arguments: "[none|number|string]",
    help: "set presence of severity level in feedback information"
  ) { session, arguments, _ in
    guard let word = arguments.first, let output = CommandSession.SeverityOutput(rawValue: word) else {
      return .failure("one of 'none', 'number', 'string' is a required argument")
    }
    session.severityOutput = output
    return .nothing
  }
}
