internal import Glibc
public import Logging
public import Settings
internal import Synchronization

/// Messages for operators: lines on stderr, `2026-11-25T02:23:16.498Z warning message key=value`.
///
/// The level is the process's own and changes with a reload; loggers made earlier follow.
public final class OperationalLog: Sendable {
  private let level: Mutex<Logger.Level>
  private let write: @Sendable (String) -> Void

  /// - Parameter write: takes whole lines; stderr without one.
  public init(level: Settings.Log.Level, write: @escaping @Sendable (String) -> Void = writeToStandardError) {
    self.level = Mutex(Self.level(level))
    self.write = write
  }

  public func setLevel(_ new: Settings.Log.Level) { level.withLock { $0 = Self.level(new) } }

  public var logger: Logger {
    Logger(label: "tidegate", factory: { _ in Handler(log: self) })
  }

  private static func level(_ level: Settings.Log.Level) -> Logger.Level {
    switch level {
    case .trace: .trace
    case .debug: .debug
    case .info: .info
    case .notice: .notice
    case .warning: .warning
    case .error: .error
    case .critical: .critical
    }
  }

  /// One line, whatever message and values hold: nobody writes a line of their own into the log.
  static func line(
    at nanosecondsSince1970: UInt64, _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata
  ) -> String {
    var line = "\(Timestamp.rfc3339(nanosecondsSince1970)) \(level) \(oneLine(message))"
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      let text = value.description
      let isPlain =
        !text.isEmpty && text.allSatisfy { !$0.isWhitespace && $0 != "\"" && $0 != "\\" && $0 != "=" }
      line += " \(oneLine(key))=\(isPlain ? oneLine(text) : JSONObject.quoted(text))"
    }
    return line + "\n"
  }

  /// Control characters become their JSON escapes.
  private static func oneLine(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else { return text }
    return text.unicodeScalars.reduce(into: "") { line, scalar in
      let isControl = scalar.value < 0x20 || scalar.value == 0x7f
      line += isControl ? String(JSONObject.quoted(String(scalar)).dropFirst().dropLast()) : String(scalar)
    }
  }

  private struct Handler: LogHandler {
    let log: OperationalLog
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider? = nil
    /// True exactly when this logger was given a level of its own.
    private var own: Logger.Level? = nil

    init(log: OperationalLog) { self.log = log }

    var logLevel: Logger.Level {
      get { own ?? log.level.withLock { $0 } }
      set { own = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let all = metadata.merging(event.metadata ?? [:]) { $1 }
      log.write(OperationalLog.line(at: Clock.wall, event.level, event.message.description, all))
    }
  }
}

/// One call a line, so that lines of several threads don't mix.
public func writeToStandardError(_ text: String) {
  _ =
    text.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    ?? write(STDERR_FILENO, text, text.utf8.count)
}
