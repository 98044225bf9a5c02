import Control
import Proxy
import Settings

extension CommandContext {
  /// Over a fake proxy: changes go to it without a supervisor between.
  static func over(
    _ proxy: FakeProxy = FakeProxy(), rates: RateSampler = RateSampler(),
    socketFigures: StatsSocketFigures = StatsSocketFigures(),
    reload: @escaping @Sendable () -> ReloadOutcome = { ReloadOutcome(succeeded: true, messages: []) }
  ) -> CommandContext {
    CommandContext(
      proxy: proxy, rates: rates, connectionsAtStart: 1234, socketFigures: socketFigures,
      change: { edit throws(ControlError) in
        var settings = proxy.snapshot().settings
        try edit(&settings)
        do {
          try proxy.apply(settings)
        } catch {
          throw ControlError("\(error)")
        }
      }, reload: reload)
  }
}
