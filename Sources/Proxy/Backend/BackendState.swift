internal import Policy
public import Settings
internal import Synchronization
internal import Telemetry

/// A backend as all workers see it: its settings, its live connections, its counters.
public final class BackendState: Sendable {
  public let settings: Settings.Backend
  /// Live connections over all workers, those that are being connected included.
  let live: Load
  /// A block per worker, written by that worker alone.
  let counters: [CounterBlock<BackendCounter>]

  /// Live connections now, and the most there have been.
  final class Load: Sendable {
    let now = Atomic<Int>(0)
    let max = Atomic<Int>(0)

    func clearMax() { max.store(now.load(ordering: .relaxed), ordering: .relaxed) }
  }

  init(_ settings: Settings.Backend, workers: Int) {
    self.settings = settings
    live = Load()
    counters = (0..<workers).map { _ in CounterBlock() }
  }

  /// The same backend under changed settings: its connections and counters go on.
  init(_ settings: Settings.Backend, continuing other: BackendState) {
    self.settings = settings
    live = other.live
    counters = other.counters
  }

  /// Counts one connection more. False, and nothing counted, when that would be one too many.
  func enter() -> Bool {
    let count = live.now.add(1, ordering: .relaxed).newValue
    if let limit = settings.connections, count > limit {
      live.now.subtract(1, ordering: .relaxed)
      return false
    }
    live.max.max(count, ordering: .relaxed)
    return true
  }

  func leave() { live.now.subtract(1, ordering: .relaxed) }

  func candidate(isTried: Bool) -> LoadBalancer.Candidate {
    LoadBalancer.Candidate(
      connections: live.now.load(ordering: .relaxed), weight: settings.weightInForce,
      connectionsLimit: settings.connections, isTried: isTried)
  }
}
