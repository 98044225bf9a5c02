internal import Policy
public import Settings
internal import Synchronization

/// A pool as all workers see it.
public final class PoolState: Sendable {
  public let settings: Settings.Pool
  let backends: [BackendState]
  private let turn = Atomic<UInt64>(0)

  init(_ settings: Settings.Pool, backends: [BackendState]) {
    self.settings = settings
    self.backends = backends
  }

  /// Chooses a backend and counts the connection as its own; nil when none can take it.
  /// - Parameter tried: a bit for each of the first 64 backends that this connection has tried.
  func choose(
    avoiding tried: UInt64, using generator: inout some RandomNumberGenerator
  ) -> (backend: BackendState, place: Int)? {
    var tried = tried
    // Another worker may take a backend's last place between the choice and the entry.
    for _ in 0..<backends.count {
      let candidates = backends.enumerated().map { place, backend in
        backend.candidate(isTried: place < 64 && tried >> UInt64(place) & 1 == 1)
      }
      guard let place = LoadBalancer.choose(among: candidates, by: rule, using: &generator) else {
        return nil
      }
      if backends[place].enter() { return (backends[place], place) }
      if place < 64 { tried |= 1 << UInt64(place) }
    }
    return nil
  }

  private var rule: LoadBalancer.Rule {
    switch settings.balance {
    case .leastConnections: .leastConnections
    case .roundRobin: .roundRobin(turn: turn.add(1, ordering: .relaxed).oldValue)
    }
  }
}
