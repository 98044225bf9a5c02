internal import Logging
public import Proxy
internal import Settings
internal import Synchronization

/// Puts a changed configuration file in force in place, whole or not at all.
final class Reloader: Sendable {
  /// The settings in force. Held through a whole reload: one at a time.
  private let current: Mutex<Settings>
  private let file: String?
  private let logger: Logger
  private let manager: ServiceManager

  init(_ settings: Settings, file: String?, logger: Logger, manager: ServiceManager) {
    current = Mutex(settings)
    self.file = file
    self.logger = logger
    self.manager = manager
  }

  /// Those in force.
  var settings: Settings { current.withLock { $0 } }

  /// Blocks: reads files. What came of it is logged as well.
  /// - Parameter apply: all or nothing; what it throws is the reason.
  func reload(applying apply: (_ old: Settings, _ new: Settings) throws -> Void) -> ReloadOutcome {
    manager.reloading()
    // Either way: with new settings or with the old ones.
    defer { manager.ready() }
    let outcome = current.withLock { reload(&$0, apply) }
    for message in outcome.messages {
      logger.log(level: outcome.succeeded ? .notice : .error, "reload: \(message)")
    }
    return outcome
  }

  private func reload(
    _ settings: inout Settings, _ apply: (_ old: Settings, _ new: Settings) throws -> Void
  ) -> ReloadOutcome {
    guard let file else { return failure(["there is no configuration file to load"]) }
    let new: Settings
    do {
      new = try Settings.load(file: file)
    } catch {
      return failure(error.problems.map(\.description))
    }
    do {
      try apply(settings, new)
    } catch let error as ProxyError {
      return failure([error.text(file: file)])
    } catch {
      return failure(["\(error)"])
    }
    let changes = new.difference(from: settings)
    settings = new
    let unchanged = ["no setting changed; files that the settings name are loaded anew"]
    return ReloadOutcome(
      succeeded: true,
      messages: (changes.isEmpty ? unchanged : changes)
        + warnings(new).map { "warning: \($0.text(file: file))" })
  }

  /// Puts an operator's change of the settings in force; a reload reads the file and forgets it.
  func change(
    _ edit: SettingsEdit, applying apply: (Settings) throws(ProxyError) -> Void
  ) throws(ControlError) {
    let changes = try current.withLock { settings throws(ControlError) in
      var new = settings
      try edit(&new)
      do throws(ProxyError) {
        try apply(new)
      } catch {
        throw ControlError(error.text(file: file))
      }
      defer { settings = new }
      return new.difference(from: settings)
    }
    for change in changes { logger.notice("by order: \(change)") }
  }

  private func failure(_ reasons: [String]) -> ReloadOutcome {
    ReloadOutcome(succeeded: false, messages: reasons + ["the settings from before stay in force"])
  }
}

extension ProxyError {
  /// With the place in the file where it stems from one: `file:line:column: message`.
  public func text(file: String?) -> String {
    guard let file, let location else { return message }
    return "\(file):\(location.line):\(location.column): \(message)"
  }
}
