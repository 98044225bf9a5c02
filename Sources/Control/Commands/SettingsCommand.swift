internal import Settings

extension Command {
  /// A command that changes the settings in force until the next reload. It answers nothing when it has.
  /// - Parameter edit: the change, or the reason why there is none.
  static func changing(
    _ words: String, arguments: String, help: String,
    edit: @escaping @Sendable (inout Settings, [String], CommandContext) throws(ControlError) -> Void
  ) -> Command {
    Command(words, arguments: arguments, help: help, level: .admin) { _, arguments, context in
      do throws(ControlError) {
        try context.change { settings throws(ControlError) in
          try edit(&settings, Array(arguments), context)
        }
        return .nothing
      } catch {
        return .failure(error.message)
      }
    }
  }
}

/// What commands that change something take for arguments.
enum CommandArgument {
  /// Decimal digits, within the range.
  static func number(_ arguments: [String], at place: Int, in range: ClosedRange<Int>) throws(ControlError)
    -> Int
  {
    guard arguments.count == place + 1, let number = digits(arguments[place]) else {
      throw ControlError("Expects an integer value.")
    }
    guard range.contains(number) else {
      throw ControlError("Value out of range: from \(range.lowerBound) to \(range.upperBound).")
    }
    return number
  }

  static func digits(_ text: some StringProtocol) -> Int? {
    text.utf8.allSatisfy { (48...57).contains($0) } ? Int(text) : nil
  }
}

extension Settings {
  /// Changes the backend that is named `POOL/BACKEND`; a pool's name has no slash, a backend's may.
  mutating func changeBackend(
    _ arguments: [String], _ change: (inout Backend) throws(ControlError) -> Void
  ) throws(ControlError) {
    guard let slash = arguments.first?.firstIndex(of: "/"), let text = arguments.first else {
      throw ControlError("Require 'backend/server'.")
    }
    guard let pool = pools.firstIndex(where: { $0.name == text[..<slash] }) else {
      throw ControlError("No such backend.")
    }
    let name = text[text.index(after: slash)...]
    guard let place = pools[pool].backends.firstIndex(where: { $0.name == name }) else {
      throw ControlError("No such server.")
    }
    try change(&pools[pool].backends[place])
  }
}
