public import Basics

/// When a worker waits for more completions once one has come: adaptive coalescing, as of network cards' interrupts.
///
/// A turn of the loop for many messages costs little more than one for a single message, and a peer that is sent
/// several at once is woken once. So where several messages are to be expected within the window, the worker waits for
/// a batch, at most as long as the window. Where few come, it takes each at once; but what it has begun itself and
/// doesn't wait for, mere sends and closes, ends its wait only after a longer window.
///
/// Messages count, not completions: connections that come and go bring many of these, most of them answers to what the
/// worker itself has just asked for. A window for them only ends by its timer.
public struct CompletionCoalescing: Sendable {
  /// What a wait is for: so many completions besides those that nobody waits for, or whatever has come when the window
  /// ends.
  public struct Batch: Hashable, Sendable {
    public var count: Int
    public var window: Duration
  }

  /// Completions and messages of late, in 256ths, and the nanoseconds in which they came: the latest turns weigh most.
  private var completions: UInt64 = 0
  private var messages: UInt64 = 0
  private var elapsed: UInt64 = 0
  private var turnedAt: MonotonicTime
  /// Until then any completion ends a wait.
  private var distrustedUntil = MonotonicTime.zero

  /// A batch ends with so many completions.
  private static let most = 32
  /// A batch is worth its timer if so many messages are to be expected within two windows. A single client that waits
  /// for each echo brings fewer, one in either direction each time: it must not wait for others that don't come.
  private static let worthwhile: UInt64 = 3
  /// As long as this, in nanoseconds, what nobody waits for may lie about. Another completion comes meanwhile, mostly.
  /// Longer than most kernels' tick: an earlier timer has to be told to the processor, at each wait and after it.
  private static let quietWindow: UInt64 = 5_000_000
  /// Only where so many completions are to be expected within that.
  private static let quietCompletions: UInt64 = 3
  /// What was to come at once and didn't has held others up, for as long as that window. A peer can bring this about by
  /// reading nothing; so it is to happen rarely.
  private static let distrust = Duration.seconds(1)
  /// What a turn leaves of those before it: 7/8.
  private static let shift: UInt64 = 3
  /// A rest counts as no more than this, so that nothing overflows.
  private static let longestRest: UInt64 = 1_000_000_000

  public init(now: MonotonicTime) { turnedAt = now }

  /// A turn has brought so many completions, and handed over so many messages of live connections.
  public mutating func turned(completions count: Int, messages sent: Int, now: MonotonicTime) {
    let rest = min(now.since(turnedAt).clampedNanoseconds, Self.longestRest)
    turnedAt = now
    completions = completions - completions >> Self.shift + UInt64(clamping: count) << 8
    messages = messages - messages >> Self.shift + UInt64(clamping: sent) << 8
    elapsed = elapsed - elapsed >> Self.shift + rest
  }

  /// Something that nobody waits for wasn't over by the next turn: others may have waited for it.
  public mutating func heldUp(now: MonotonicTime) { distrustedUntil = now + Self.distrust }

  /// The batch that the next turn waits for; nil when it takes what comes.
  /// - Parameter window: of a busy worker; zero turns all of this off.
  public func batch(within window: Duration) -> Batch? {
    let length = min(window.clampedNanoseconds, Self.longestRest)
    guard length > 0, elapsed > 0 else { return nil }
    if messages * 2 * length >= Self.worthwhile << 8 * elapsed {
      return Batch(count: Self.most, window: window)
    }
    guard turnedAt >= distrustedUntil else { return nil }
    guard completions * Self.quietWindow >= Self.quietCompletions << 8 * elapsed else { return nil }
    return Batch(count: 1, window: .nanoseconds(Int64(Self.quietWindow)))
  }
}
