public import Settings

/// What a reload came to.
public struct ReloadOutcome: Sendable, Equatable {
  public var succeeded: Bool
  /// What changed, or why nothing did; a line each.
  public var messages: [String]
  public init(succeeded: Bool, messages: [String]) {
    self.succeeded = succeeded
    self.messages = messages
  }
}

/// A change that an operator asks for, to the settings in force.
public typealias SettingsEdit = (inout Settings) throws(ControlError) -> Void

/// What commands act on.
public struct CommandContext: Sendable {
  public var proxy: any ProxyControlling
  public var rates: RateSampler
  /// What the counters in `show stat` count from.
  public var baseline = CounterBaseline()
  public var reload: @Sendable () -> ReloadOutcome
  /// Changes the settings in force until the next reload. Throws why it can't be: the edit's reason or the
  /// proxy's, and nothing is changed then. Blocks like a reload.
  public var change: @Sendable (SettingsEdit) throws(ControlError) -> Void
  /// Live connections that the process made room for at its start: no setting goes above it.
  public var connectionsAtStart: Int
  /// Of the stats socket itself.
  public var socketFigures: StatsSocketFigures

  public init(
    proxy: any ProxyControlling, rates: RateSampler, connectionsAtStart: Int,
    socketFigures: StatsSocketFigures = .init(),
    change: @escaping @Sendable (SettingsEdit) throws(ControlError) -> Void,
    reload: @escaping @Sendable () -> ReloadOutcome
  ) {
    self.proxy = proxy
    self.rates = rates
    self.socketFigures = socketFigures
    self.connectionsAtStart = connectionsAtStart
    self.change = change
    self.reload = reload
  }
}
