import Basics
import Testing

@testable import Policy

@Suite struct `Coalescing of completions` {
  private let window = Duration.microseconds(50)

  /// After turns that came evenly, each with so many completions, some of which were messages.
  private func after(_ turns: Int, of count: Int, messages: Int = 0, every pause: Duration) -> (
    CompletionCoalescing, MonotonicTime
  ) {
    var now = MonotonicTime(nanoseconds: 5_000_000)
    var coalescing = CompletionCoalescing(now: now)
    for _ in 0..<turns {
      now = now + pause
      coalescing.turned(.with(completions: count, messages: messages), now: now)
    }
    return (coalescing, now)
  }

  @Test func `a worker that has just begun takes what comes`() {
    var coalescing = CompletionCoalescing(now: .zero)
    #expect(coalescing.batch(within: window) == nil)
  }

  @Test func `a busy worker waits for a batch, as long as the window`() {
    var (coalescing, _) = after(100, of: 1, messages: 1, every: .microseconds(10))
    #expect(coalescing.batch(within: window) == .init(count: 32, window: window))
    #expect(coalescing.batch(within: .zero) == nil)
  }

  @Test(arguments: [1, 2, 8]) func `a batch is worth its timer for three messages in two windows`(
    count: Int
  ) {
    let even = Duration.nanoseconds(33_333 * count)
    let margin = Duration.nanoseconds(200 * count)
    #expect(after(200, of: 2 * count, messages: count, every: even - margin).0.isWaiting(within: window))
    #expect(!after(200, of: 2 * count, messages: count, every: even + margin).0.isWaiting(within: window))
  }

  @Test func `connections that come and go are no reason to wait for a batch`() {
    // Sixteen completions of each, two messages.
    var (coalescing, _) = after(1000, of: 16, messages: 2, every: .microseconds(100))
    #expect(coalescing.batch(within: window)?.count == 1)
  }

  @Test func `one client and its backend are never waited for`() {
    // An echo's two receives and two sends.
    #expect(!after(1000, of: 4, messages: 2, every: .microseconds(80)).0.isWaiting(within: window))
  }

  @Test(arguments: [1, 4])
  func `what nobody waits for may lie about where three completions come in that time`(
    count: Int
  ) {
    let even = Duration.nanoseconds(1_666_667 * count)
    var (busy, _) = after(200, of: count, every: even - .microseconds(10 * count))
    #expect(busy.batch(within: window) == .init(count: 1, window: .milliseconds(5)))
    #expect(busy.batch(within: .zero) == nil)
    var (calm, _) = after(200, of: count, every: even + .microseconds(10 * count))
    #expect(calm.batch(within: window) == nil)
  }

  @Test func `what held others up is waited for, for a second`() {
    var (coalescing, now) = after(200, of: 4, every: .milliseconds(1))
    #expect(coalescing.batch(within: window)?.count == 1)
    coalescing.heldUp(now: now)
    for turn in 1...1000 {
      #expect(coalescing.batch(within: window) == nil)
      now = now + .milliseconds(1)
      coalescing.turned(.with(completions: 4), now: now)
      if turn == 1000 { #expect(coalescing.batch(within: window)?.count == 1) }
    }
  }

  @Test func `batches of messages go on meanwhile`() {
    var (coalescing, now) = after(100, of: 1, messages: 1, every: .microseconds(10))
    coalescing.heldUp(now: now)
    #expect(coalescing.batch(within: window)?.count == 32)
  }

  @Test func `a rest ends it at once, and a few busy turns begin it anew`() {
    var (coalescing, now) = after(100, of: 8, messages: 4, every: .microseconds(20))
    #expect(coalescing.isWaiting(within: window))
    now = now + .milliseconds(5)
    coalescing.turned(.with(completions: 1, messages: 1), now: now)
    #expect(!coalescing.isWaiting(within: window))
    var turns = 0
    while !coalescing.isWaiting(within: window), turns < 100 {
      now = now + .microseconds(20)
      coalescing.turned(.with(completions: 8, messages: 4), now: now)
      turns += 1
    }
    #expect((10..<40).contains(turns))
  }

  // MARK: By the handful

  /// A herd that brings two arrivals every 100 us: ten in the time of a handful.
  private func herd(_ turns: Int = 100, crowd: Int = 20) -> (CompletionCoalescing, MonotonicTime) {
    var now = MonotonicTime(nanoseconds: 5_000_000)
    var coalescing = CompletionCoalescing(now: now)
    for _ in 0..<turns {
      now = now + .nanoseconds(99_990)
      coalescing.turned(.with(completions: 3, arrivals: 2, crowd: crowd), now: now)
    }
    return (coalescing, now)
  }

  @Test func `a herd is served by the handful, with a window that is none of the processor's timers`() {
    var (coalescing, _) = herd()
    #expect(coalescing.batch(within: window) == .init(count: 8, window: .milliseconds(5), isHandful: true))
    #expect(coalescing.batch(within: .zero) == nil)
  }

  @Test(arguments: [(1, 1), (3, 1), (5, 2), (7, 3), (15, 7), (17, 8), (99, 8)])
  func `a handful is what comes in half a millisecond`(
    aMillisecond: Int, handful: Int
  ) {
    var now = MonotonicTime.zero
    var coalescing = CompletionCoalescing(now: now)
    for _ in 0..<100 {
      now = now + .milliseconds(1)
      coalescing.turned(.with(completions: 100, arrivals: aMillisecond, crowd: 50), now: now)
    }
    #expect(coalescing.batch(within: window)?.count == handful)
  }

  @Test(arguments: [(0, 1), (1, 1), (2, 1), (3, 2), (5, 4), (9, 8), (20, 8)])
  func `and fewer than come or go`(
    crowd: Int, handful: Int
  ) {
    var (coalescing, _) = herd(crowd: crowd)
    #expect(coalescing.batch(within: window)?.count == handful)
    #expect(coalescing.batch(within: window)?.isHandful == (handful > 1))
  }

  @Test func `a message of a settled connection has the next 20 ms looked at singly`() {
    var (coalescing, now) = herd()
    coalescing.turned(.with(completions: 2, arrivals: 2, messages: 1, settled: 1, crowd: 20), now: now)
    for _ in 0..<198 {
      #expect(coalescing.batch(within: window)?.count == 1)
      now = now + .microseconds(100)
      coalescing.turned(.with(completions: 3, arrivals: 2, crowd: 20), now: now)
    }
    #expect(!coalescing.isWaiting(within: window))
    for _ in 0..<3 {
      now = now + .microseconds(100)
      coalescing.turned(.with(completions: 3, arrivals: 2, crowd: 20), now: now)
    }
    #expect(coalescing.isWaiting(within: window))
  }

  @Test func `a message of one that has just come doesn't`() {
    var (coalescing, now) = herd()
    now = now + .microseconds(100)
    coalescing.turned(.with(completions: 3, arrivals: 2, messages: 1, crowd: 20), now: now)
    #expect(coalescing.isWaiting(within: window))
  }

  /// Until the next handful, with a herd that has come to waiting for each other.
  private func stall(_ coalescing: inout CompletionCoalescing, _ now: inout MonotonicTime) -> Duration {
    #expect(coalescing.batch(within: window)?.isHandful == true)
    now = now + .microseconds(5010)
    coalescing.turned(.with(completions: 1, arrivals: 1, crowd: 20, waited: .milliseconds(5)), now: now)
    let stalled = now
    while coalescing.batch(within: window)?.isHandful != true {
      now = now + .microseconds(100)
      coalescing.turned(.with(completions: 3, arrivals: 2, crowd: 20), now: now)
    }
    return now.since(stalled)
  }

  @Test func `a handful that didn't come puts a stop to it, the longer the more often it happens`() {
    var (coalescing, now) = herd()
    var expected = Duration.milliseconds(20)
    for _ in 0..<10 {
      let rest = stall(&coalescing, &now)
      #expect(rest >= expected && rest < expected + .milliseconds(1))
      expected = min(expected * 2, .seconds(1))
    }
    // Handfuls that come are a reason to trust it again.
    for _ in 0..<400 {
      #expect(coalescing.batch(within: window)?.count == 8)
      now = now + .microseconds(400)
      coalescing.turned(.with(completions: 12, arrivals: 8, crowd: 20), now: now)
    }
    #expect(stall(&coalescing, &now) < .milliseconds(22))
  }

  @Test(arguments: [(1999, true), (2000, false)])
  func `a handful that took long hasn't come, however many there are at last`(
    microseconds: Int, isTrusted: Bool
  ) {
    var (coalescing, now) = herd()
    #expect(coalescing.batch(within: window)?.count == 8)
    now = now + .microseconds(microseconds)
    coalescing.turned(
      .with(completions: 99, arrivals: 99, crowd: 20, waited: .microseconds(microseconds)), now: now)
    #expect(coalescing.isWaiting(within: window) == isTrusted)
  }

  @Test func `a turn that took long itself says nothing of a handful`() {
    var (coalescing, now) = herd()
    #expect(coalescing.batch(within: window)?.count == 8)
    now = now + .milliseconds(6)
    coalescing.turned(.with(completions: 99, arrivals: 99, crowd: 20, waited: .microseconds(300)), now: now)
    #expect(coalescing.isWaiting(within: window))
  }

  @Test func `a deadline that ends a wait isn't a handful that didn't come, nor one that did`() {
    var (coalescing, now) = herd()
    for _ in 0..<4 { _ = stall(&coalescing, &now) }
    for _ in 0..<400 {
      #expect(coalescing.batch(within: window)?.count == 8)
      now = now + .microseconds(100)
      coalescing.turned(.with(completions: 2, arrivals: 2, crowd: 20, waited: .microseconds(90)), now: now)
    }
    #expect(stall(&coalescing, &now) >= .milliseconds(320))
  }

  @Test func `extreme rests and counts are borne`() {
    var coalescing = CompletionCoalescing(now: .zero)
    for now in [MonotonicTime.distantFuture, .zero, .distantFuture] {
      coalescing.turned(
        .with(completions: 1 << 20, arrivals: 1 << 20, messages: 1 << 20, crowd: .max), now: now)
      _ = coalescing.batch(within: .seconds(Int64.max))
    }
    for _ in 0..<100 {
      coalescing.turned(.with(completions: 1 << 20, messages: 1 << 20), now: .distantFuture)
    }
    #expect(coalescing.batch(within: .milliseconds(1)) != nil)
  }
}

extension CompletionCoalescing {
  /// True exactly when it waits for more than one.
  fileprivate func isWaiting(within window: Duration) -> Bool {
    var copy = self
    return copy.batch(within: window).map { $0.count > 1 } ?? false
  }
}

extension CompletionCoalescing.Turn {
  /// Arrivals only where they are named.
  fileprivate static func with(
    completions: Int = 0, arrivals: Int = 0, messages: Int = 0, settled: Int = 0, crowd: Int = 0,
    waited: Duration = .zero
  ) -> Self {
    var turn = Self()
    turn.completions = completions
    turn.arrivals = arrivals
    turn.messages = messages
    turn.settledMessages = settled
    turn.crowd = crowd
    turn.waited = waited
    return turn
  }
}
