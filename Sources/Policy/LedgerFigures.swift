internal import Basics
internal import Synchronization

/// The reconnection ledger's sums since the start.
public struct LedgerFigures: Hashable, Sendable {
  /// Refusals that told a slot.
  public var refused: UInt64 = 0
  /// The sum of what they were told, and the most.
  public var told = Duration.zero
  public var toldMax = Duration.zero
  public var early: UInt64 = 0
  public var onTime: UInt64 = 0
  public var late: UInt64 = 0
  public var never: UInt64 = 0
  /// Pushed out of the table before it was known.
  public var forgotten: UInt64 = 0

  public init() {}

  /// Slots whose holders may still come.
  public var pending: UInt64 {
    let ended = early + onTime + late + never + forgotten
    return refused > ended ? refused - ended : 0
  }

  /// Of those whose fate is known, the share that came back; nil below a hundred.
  public var returning: Double? {
    let back = early + onTime + late
    return back + never < 100 ? nil : Double(back) / Double(back + never)
  }
}

/// The same as the workers count it.
final class LedgerCounters: Sendable {
  private let refused = Atomic<UInt64>(0)
  private let toldNanoseconds = Atomic<UInt64>(0)
  private let toldMax = Atomic<UInt64>(0)
  private let early = Atomic<UInt64>(0)
  private let onTime = Atomic<UInt64>(0)
  private let late = Atomic<UInt64>(0)
  let never = Atomic<UInt64>(0)
  let forgotten = Atomic<UInt64>(0)

  func told(_ wait: Duration) {
    let nanoseconds = wait.clampedNanoseconds
    refused.add(1, ordering: .relaxed)
    toldNanoseconds.add(nanoseconds, ordering: .relaxed)
    toldMax.max(nanoseconds, ordering: .relaxed)
  }

  func arrived(_ arrival: ReconnectionLedger.Arrival) {
    switch arrival {
    case .unknown: break
    case .early: early.add(1, ordering: .relaxed)
    case .onTime: onTime.add(1, ordering: .relaxed)
    case .late: late.add(1, ordering: .relaxed)
    }
  }

  var figures: LedgerFigures {
    var figures = LedgerFigures()
    figures.refused = refused.load(ordering: .relaxed)
    figures.told = .nanoseconds(Int64(clamping: toldNanoseconds.load(ordering: .relaxed)))
    figures.toldMax = .nanoseconds(Int64(clamping: toldMax.load(ordering: .relaxed)))
    figures.early = early.load(ordering: .relaxed)
    figures.onTime = onTime.load(ordering: .relaxed)
    figures.late = late.load(ordering: .relaxed)
    figures.never = never.load(ordering: .relaxed)
    figures.forgotten = forgotten.load(ordering: .relaxed)
    return figures
  }
}
