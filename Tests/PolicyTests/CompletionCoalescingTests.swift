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
      coalescing.turned(completions: count, messages: messages, now: now)
    }
    return (coalescing, now)
  }

  @Test func `a worker that has just begun takes what comes`() {
    let coalescing = CompletionCoalescing(now: .zero)
    #expect(coalescing.batch(within: window) == nil)
  }

  @Test func `a busy worker waits for a batch, as long as the window`() {
    let (coalescing, _) = after(100, of: 1, messages: 1, every: .microseconds(10))
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
    let (coalescing, _) = after(1000, of: 16, messages: 2, every: .microseconds(100))
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
    let (busy, _) = after(200, of: count, every: even - .microseconds(10 * count))
    #expect(busy.batch(within: window) == .init(count: 1, window: .milliseconds(5)))
    #expect(busy.batch(within: .zero) == nil)
    #expect(after(200, of: count, every: even + .microseconds(10 * count)).0.batch(within: window) == nil)
  }

  @Test func `what held others up is waited for, for a second`() {
    var (coalescing, now) = after(200, of: 4, every: .milliseconds(1))
    #expect(coalescing.batch(within: window)?.count == 1)
    coalescing.heldUp(now: now)
    for turn in 1...1000 {
      #expect(coalescing.batch(within: window) == nil)
      now = now + .milliseconds(1)
      coalescing.turned(completions: 4, messages: 0, now: now)
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
    coalescing.turned(completions: 1, messages: 1, now: now)
    #expect(!coalescing.isWaiting(within: window))
    var turns = 0
    while !coalescing.isWaiting(within: window), turns < 100 {
      now = now + .microseconds(20)
      coalescing.turned(completions: 8, messages: 4, now: now)
      turns += 1
    }
    #expect((10..<40).contains(turns))
  }

  @Test func `extreme rests and counts are borne`() {
    var coalescing = CompletionCoalescing(now: .zero)
    for now in [MonotonicTime.distantFuture, .zero, .distantFuture] {
      coalescing.turned(completions: 1 << 20, messages: 1 << 20, now: now)
      _ = coalescing.batch(within: .seconds(Int64.max))
    }
    for _ in 0..<100 { coalescing.turned(completions: 1 << 20, messages: 1 << 20, now: .distantFuture) }
    #expect(coalescing.batch(within: .milliseconds(1)) != nil)
  }
}

extension CompletionCoalescing {
  /// True exactly when it waits for more than one.
  fileprivate func isWaiting(within window: Duration) -> Bool {
    batch(within: window).map { $0.count > 1 } ?? false
  }
}
