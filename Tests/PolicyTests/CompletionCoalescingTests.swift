import Basics
import Testing

@testable import Policy

@Suite struct `Coalescing of completions` {
  private let window = Duration.microseconds(50)

  /// After turns that came evenly, each with so many completions.
  private func after(_ turns: Int, of count: Int, every pause: Duration) -> (
    CompletionCoalescing, MonotonicTime
  ) {
    var now = MonotonicTime(nanoseconds: 5_000_000)
    var coalescing = CompletionCoalescing(now: now)
    for _ in 0..<turns {
      now = now + pause
      coalescing.turned(completions: count, now: now)
    }
    return (coalescing, now)
  }

  @Test func `a worker that has just begun takes what comes`() {
    let coalescing = CompletionCoalescing(now: .zero)
    #expect(coalescing.batch(within: window) == nil)
  }

  @Test func `a busy worker waits for a batch, as long as the window`() {
    let (coalescing, _) = after(100, of: 1, every: .microseconds(10))
    #expect(coalescing.batch(within: window) == .init(count: 32, window: window))
    #expect(coalescing.batch(within: .zero) == nil)
  }

  @Test(arguments: [1, 2, 8]) func `a batch is worth its timer for three completions in the window`(
    count: Int
  ) {
    let even = Duration.nanoseconds(16_667 * count)
    #expect(after(200, of: count, every: even - .nanoseconds(100 * count)).0.isWaiting(within: window))
    #expect(!after(200, of: count, every: even + .nanoseconds(100 * count)).0.isWaiting(within: window))
  }

  @Test func `one client and its backend are never waited for`() {
    // An echo's two receives and two sends.
    #expect(!after(1000, of: 4, every: .microseconds(80)).0.isWaiting(within: window))
  }

  @Test(arguments: [1, 4])
  func `what nobody waits for may lie about where three completions come in that time`(
    count: Int
  ) {
    let even = Duration.nanoseconds(333_333 * count)
    let (busy, _) = after(200, of: count, every: even - .microseconds(2 * count))
    #expect(busy.batch(within: window) == .init(count: 1, window: .milliseconds(1)))
    #expect(busy.batch(within: .zero) == nil)
    #expect(after(200, of: count, every: even + .microseconds(2 * count)).0.batch(within: window) == nil)
  }

  @Test func `a rest ends it at once, and a few busy turns begin it anew`() {
    var (coalescing, now) = after(100, of: 8, every: .microseconds(20))
    #expect(coalescing.isWaiting(within: window))
    now = now + .milliseconds(5)
    coalescing.turned(completions: 1, now: now)
    #expect(!coalescing.isWaiting(within: window))
    var turns = 0
    while !coalescing.isWaiting(within: window), turns < 100 {
      now = now + .microseconds(20)
      coalescing.turned(completions: 8, now: now)
      turns += 1
    }
    #expect((10..<40).contains(turns))
  }

  @Test func `extreme rests and counts are borne`() {
    var coalescing = CompletionCoalescing(now: .zero)
    for now in [MonotonicTime.distantFuture, .zero, .distantFuture] {
      coalescing.turned(completions: 1 << 20, now: now)
      _ = coalescing.batch(within: .seconds(Int64.max))
    }
    for _ in 0..<100 { coalescing.turned(completions: 1 << 20, now: .distantFuture) }
    #expect(coalescing.batch(within: .milliseconds(1)) != nil)
  }
}

extension CompletionCoalescing {
  /// True exactly when it waits for more than one.
  fileprivate func isWaiting(within window: Duration) -> Bool {
    batch(within: window).map { $0.count > 1 } ?? false
  }
}
