public import Basics

/// When a worker waits for more completions once one has come: adaptive coalescing, as of network cards' interrupts.
///
/// A turn of the loop for many completions costs little more than one for a single completion, and a peer that is
/// sent several messages at once is woken once. So where several completions are to be expected within the window,
/// the worker waits for a batch, at most as long as the window. Where few come, it takes each at once; but what
/// it has begun itself and doesn't wait for, mere sends and closes, ends its wait only after a longer window.
public struct CompletionCoalescing: Sendable {
  /// What a wait is for: so many completions besides those that nobody waits for, or whatever has come when the window
  /// ends.
  public struct Batch: Hashable, Sendable {
    public var count: Int
    public var window: Duration
  }

  /// Completions of late, and the nanoseconds in which they came: the latest turns weigh most. Completions are
  /// counted in 256ths.
  private var completions: UInt64 = 0
  private var elapsed: UInt64 = 0
  private var turnedAt: MonotonicTime

  /// A batch ends with so many.
  private static let most = 32
  /// A wait is worth its timer if so many are to be expected within the window. A single client that waits for each
  /// echo brings two, a receive and a send for either direction: it must not wait for others that don't come.
  private static let worthwhile: UInt64 = 3
  /// As long as this, in nanoseconds, what nobody waits for may lie about. Another completion comes meanwhile, mostly.
  private static let quietWindow: UInt64 = 1_000_000
  /// What a turn leaves of those before it: 7/8.
  private static let shift: UInt64 = 3
  /// A rest counts as no more than this, so that nothing overflows.
  private static let longestRest: UInt64 = 1_000_000_000

  public init(now: MonotonicTime) { turnedAt = now }

  /// A turn has brought so many completions.
  public mutating func turned(completions count: Int, now: MonotonicTime) {
    let rest = min(now.since(turnedAt).clampedNanoseconds, Self.longestRest)
    turnedAt = now
    completions = completions - completions >> Self.shift + UInt64(clamping: count) << 8
    elapsed = elapsed - elapsed >> Self.shift + rest
  }

  /// The batch that the next turn waits for; nil when it takes what comes.
  /// - Parameter window: of a busy worker; zero turns all of this off.
  public func batch(within window: Duration) -> Batch? {
    let length = min(window.clampedNanoseconds, Self.longestRest)
    guard length > 0, elapsed > 0 else { return nil }
    if isWorthwhile(length) { return Batch(count: Self.most, window: window) }
    return isWorthwhile(Self.quietWindow)
      ? Batch(count: 1, window: .nanoseconds(Int64(Self.quietWindow))) : nil
  }

  private func isWorthwhile(_ length: UInt64) -> Bool {
    completions * length >= Self.worthwhile << 8 * elapsed
  }
}
