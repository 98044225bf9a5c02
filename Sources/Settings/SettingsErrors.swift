/// One thing that is wrong in a configuration file.
public struct SettingsProblem: Error, Sendable, CustomStringConvertible {
  public var file: String
  public var location: SourceLocation
  /// One line, without the place.
  public var message: String

  public init(file: String, location: SourceLocation, message: String) {
    self.file = file
    self.location = location
    self.message = message
  }

  /// `file:line:column: message`, which editors and terminals turn into a link.
  public var description: String { "\(file):\(location.line):\(location.column): \(message)" }
}

/// Everything that is wrong in a configuration file, in the order of the lines; never empty.
public struct SettingsErrors: Error, Sendable, CustomStringConvertible {
  public var problems: [SettingsProblem]

  public init(_ problems: [SettingsProblem]) { self.problems = problems }

  /// A line a problem.
  public var description: String { problems.map(\.description).joined(separator: "\n") }
}
