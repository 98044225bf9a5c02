public import Basics

/// When a worker waits for more completions once one has come: adaptive coalescing, as of network cards' interrupts.
///
/// A turn of the loop for many messages costs little more than one for a single message, and a peer that is sent
/// several at once is woken once. So where several messages are to be expected within the window, the worker waits for
/// a batch, at most as long as the window. Where few come, it takes each at once; but what it has begun itself and
/// doesn't wait for, mere sends and closes, ends its wait only after a longer window.
///
/// Messages count, not completions: connections that come and go bring many of these, most of them answers to what the
/// worker itself has just asked for. A window for them only ends by its timer. A herd of them, while nobody else says
/// anything, is served by the handful: the worker waits for as many completions as come in a moment, with no timer that
/// would have to be told to the processor.
public struct CompletionCoalescing: Sendable {
  /// What a wait is for: so many completions besides those that nobody waits for, or whatever has come when the window
  /// ends.
  public struct Batch: Hashable, Sendable {
    public var count: Int
    public var window: Duration
    /// True exactly when the window is no bound to lean on: it is the count that ends the wait.
    public var isHandful = false

    public init(count: Int, window: Duration, isHandful: Bool = false) {
      self.count = count
      self.window = window
      self.isHandful = isHandful
    }
  }

  /// What a turn has brought.
  public struct Turn: Hashable, Sendable {
    public var completions = 0
    /// Those of them that a wait is for. What one peer says at once counts once: it wakes the worker once.
    public var arrivals = 0
    /// How long it was until it could begin.
    public var waited = Duration.zero
    /// Messages of live connections that it has handed over.
    public var messages = 0
    /// Those of them whose connections haven't just come.
    public var settledMessages = 0
    /// Connections that come or go: all but the live ones.
    public var crowd = 0

    public init() {}
  }

  /// A connection that has been live for as long as this doesn't belong to a herd that comes now.
  public static let settled = Duration.seconds(1)

  /// Completions, arrivals and messages of late, in 256ths, and the nanoseconds in which they came: the latest turns weigh
  /// most.
  private var completions: UInt64 = 0
  private var arrivals: UInt64 = 0
  private var messages: UInt64 = 0
  private var elapsed: UInt64 = 0
  /// Connections that come or go.
  private var crowd = 0
  private var turnedAt: MonotonicTime
  /// Until then any completion ends a wait.
  private var distrustedUntil = MonotonicTime.zero
  /// Until then nothing is served by the handful.
  private var singlyUntil = MonotonicTime.zero
  /// How long the next handful that takes long puts a stop to it, in nanoseconds.
  private var pause = Self.pause.least
  /// How many arrivals the last wait was for.
  private var awaited = 1

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
  /// A handful is what comes in so many nanoseconds, but no more than that, and less than the crowd.
  private static let handful: (nanoseconds: UInt64, most: UInt64) = (500_000, 8)
  /// A handful that takes as long as this, though it was to come in a quarter, hasn't come.
  private static let patience = Duration.milliseconds(2)
  /// Nanoseconds.
  private static let pause: (least: UInt64, most: UInt64) = (20_000_000, 1_000_000_000)
  /// After a message of a settled connection, the next one is taken as it comes for so long.
  private static let attention = Duration.milliseconds(20)
  /// What a turn leaves of those before it: 7/8.
  private static let shift: UInt64 = 3
  /// A rest counts as no more than this, so that nothing overflows.
  private static let longestRest: UInt64 = 1_000_000_000

  public init(now: MonotonicTime) { turnedAt = now }

  /// A turn has been. `batch` is asked once between two.
  public mutating func turned(_ turn: Turn, now: MonotonicTime) {
    let rest = min(now.since(turnedAt).clampedNanoseconds, Self.longestRest)
    turnedAt = now
    crowd = turn.crowd
    Self.add(turn.completions, to: &completions)
    Self.add(turn.arrivals, to: &arrivals)
    Self.add(turn.messages, to: &messages)
    elapsed = elapsed - elapsed >> Self.shift + rest
    if turn.settledMessages > 0 { singlyUntil = max(singlyUntil, now + Self.attention) }
    if awaited > 1 { learn(turn, now: now) }
  }

  /// A handful that takes long has kept waiting those that came first: few are there that don't wait for each other. The
  /// more often that happens, the longer until it is tried again. It is judged by the time: the kernel may have
  /// counted less than there is.
  private mutating func learn(_ turn: Turn, now: MonotonicTime) {
    if turn.waited >= Self.patience {
      singlyUntil = now + .nanoseconds(Int64(pause))
      pause = min(Self.pause.most, 2 * pause)
    } else if turn.arrivals >= awaited {
      pause = max(Self.pause.least, pause - pause >> 6)
    }
  }

  private static func add(_ count: Int, to sum: inout UInt64) {
    sum = sum - sum >> shift + UInt64(clamping: count) << 8
  }

  /// Something that nobody waits for wasn't over by the next turn: others may have waited for it.
  public mutating func heldUp(now: MonotonicTime) { distrustedUntil = now + Self.distrust }

  /// The batch that the next turn waits for; nil when it takes what comes.
  /// - Parameter window: of a busy worker; zero turns all of this off.
  public mutating func batch(within window: Duration) -> Batch? {
    awaited = 1
    let length = min(window.clampedNanoseconds, Self.longestRest)
    guard length > 0, elapsed > 0 else { return nil }
    if messages * 2 * length >= Self.worthwhile << 8 * elapsed {
      return Batch(count: Self.most, window: window)
    }
    guard turnedAt >= distrustedUntil else { return nil }
    guard completions * Self.quietWindow >= Self.quietCompletions << 8 * elapsed else { return nil }
    if turnedAt >= singlyUntil {
      let soon = Int(min(arrivals * Self.handful.nanoseconds / (elapsed << 8), Self.handful.most))
      awaited = max(1, min(soon, crowd - 1))
    }
    return Batch(count: awaited, window: .nanoseconds(Int64(Self.quietWindow)), isHandful: awaited > 1)
  }
}
