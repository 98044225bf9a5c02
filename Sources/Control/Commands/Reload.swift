internal import Settings

extension Command {
  static let reload = Command(
    "reload", help: "read the configuration file anew and put it in force, whole or not at all", level: .admin
  ) { _, _, context in
    let outcome = context.reload()
    let lines = ["Success=\(outcome.succeeded ? 1 : 0)", "--"] + outcome.messages
    return .message(outcome.succeeded ? .info : .error, lines.joined(separator: "\n"))
  }
}
