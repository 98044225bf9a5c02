/// How grave a message of the stats socket is: syslog's numbers, as `set severity-output` shows them.
enum Severity: Int, Sendable {
  case error = 3
  case warning = 4
  case notice = 5
  case info = 6

  var word: String {
    switch self {
    case .error: "err"
    case .warning: "warning"
    case .notice: "notice"
    case .info: "info"
    }
  }
}

/// What a command says.
enum Answer: Sendable, Equatable {
  /// Data. Whole lines, none of them empty.
  case output(String)
  /// Whether it worked; the only answers that carry a severity.
  case message(Severity, String)
  case nothing

  static func failure(_ text: String) -> Answer { .message(.error, text) }
}
