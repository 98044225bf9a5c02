internal import Synchronization

/// What the stats socket counts of itself.
public final class StatsSocketFigures: Sendable {
  let commands = Atomic<UInt64>(0)
  /// Connections beyond the limit, closed at once.
  let refused = Atomic<UInt64>(0)

  public init() {}
}
