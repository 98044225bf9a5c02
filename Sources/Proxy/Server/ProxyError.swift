public import Settings

/// Why settings can't be put in force, or a server not be started.
public struct ProxyError: Error, Sendable, CustomStringConvertible {
  /// Where in the configuration file, when it stems from there.
  public var location: SourceLocation?
  /// One line.
  public var message: String

  public init(_ message: String, at location: SourceLocation? = nil) {
    self.message = message
    self.location = location
  }

  public var description: String { message }
}
