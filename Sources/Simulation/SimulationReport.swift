internal import Basics

/// What came of a run.
public struct SimulationReport: Sendable, CustomStringConvertible {
  public var seed: UInt64
  /// Two runs with the same hash went the same way, event by event.
  public var traceHash: UInt64 = 0
  public var events = 0
  public var turns = 0
  /// How long it took on the world's clock.
  public var simulated = Duration.zero
  public var completed = 0
  public var refused = 0
  /// Those among the refused that got no answer at all.
  public var unanswered = 0
  public var cut = 0
  /// Refused with a 101 and a close frame.
  public var held = 0
  public var misbehaved = 0
  /// What was against the rules, or not as it must be; empty when all is well.
  public var violations: [String] = []
  /// The end of the story, and where everybody stood; empty when all is well.
  public var story: [String] = []

  public var isPassed: Bool { violations.isEmpty }

  public var description: String {
    let heading =
      "seed \(seed): \(turns) turns, \(events) events, \(simulated), \(completed) completed, "
      + "\(refused) refused, \(held) held, \(cut) cut, \(misbehaved) misbehaved"
    return ([heading] + violations.map { "violation: \($0)" } + story).joined(separator: "\n")
  }
}
