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

/// What commands act on.
public struct CommandContext: Sendable {
  public var proxy: any ProxyControlling
  public var rates: RateSampler
  public var reload: @Sendable () -> ReloadOutcome
  /// Of the stats socket itself.
  public var socketFigures: StatsSocketFigures

  public init(
    proxy: any ProxyControlling, rates: RateSampler, socketFigures: StatsSocketFigures = .init(),
    reload: @escaping @Sendable () -> ReloadOutcome
  ) {
    self.proxy = proxy
    self.rates = rates
    self.socketFigures = socketFigures
    self.reload = reload
  }
}
