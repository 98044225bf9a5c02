import Basics
import Policy
import Synchronization
import Testing

@Suite struct RateLimiterTests {
  /// Offers a token's worth of demand at each time; tells which passed.
  private func admitted(_ limiter: RateLimiter, _ times: [UInt64]) -> [UInt64] {
    times.filter { limiter.admit(now: MonotonicTime(nanoseconds: $0)) == .admitted }
  }

  @Test func noWindowSeesMoreThanTheBurstAndTheRate() {
    var generator = SeededGenerator.told()
    for _ in 0..<60 {
      let (count, burst) = (
        Int.random(in: 1...2000, using: &generator), Int.random(in: 1...50, using: &generator)
      )
      let limiter = RateLimiter(RateLimit(count, burst: burst))
      var now: UInt64 = .random(in: 0...1 << 50, using: &generator)
      let mean = UInt64(1e9 / Double(count))
      let times = (0..<600).map { _ in
        now += .random(in: 0...mean * (Bool.random(using: &generator) ? 1 : 4) / 2, using: &generator)
        return now
      }
      let passed = admitted(limiter, times)
      for first in stride(from: 0, to: passed.count, by: 3) {
        for last in first..<passed.count {
          let window = Double(passed[last] - passed[first]) / 1e9
          #expect(Double(last - first + 1) <= Double(burst) + Double(count) * window + 1e-6)
        }
      }
    }
  }

  @Test(arguments: [1, 3, 7, 500, 999, 12_345, 1_000_000, 7_000_000, 10_000_000])
  func demandThatIsAlwaysThereGetsTheWholeRate(count: Int) {
    let limiter = RateLimiter(RateLimit(count, burst: 5))
    var (now, passed) = (at(1000), 0)
    let tokens = min(count * 3 + 5, 20_000)
    for _ in 0..<tokens {
      now = limiter.nextAt(now)
      #expect(limiter.admit(now: now) == .admitted)
      passed += 1
    }
    let ideal = Double(tokens - 5) / Double(count)
    let taken = now.since(at(1000)).inSeconds
    #expect(taken >= ideal - 1e-6)
    // At 7 million a second the interval's rounding is 0.06 %.
    #expect(taken <= ideal * 1.0007 + 1e-6)
  }

  @Test func acrossTheEdgeOfASecondItAdmitsNoMoreThanWithin() {
    let limiter = RateLimiter(RateLimit(100, burst: 10))
    let times = (0..<4000).map { UInt64(1_900_000_000) + UInt64($0) * 50_000 }
    #expect(admitted(limiter, times).count == 10 + 19)
  }

  @Test func whoMustWaitIsToldTheFirstInstantThatWillDo() {
    let limiter = RateLimiter(RateLimit(3, burst: 1))
    #expect(limiter.admit(now: at(5)) == .admitted)
    guard case .wait(let until) = limiter.admit(now: at(5.1)) else { return #expect(Bool(false)) }
    #expect(until == limiter.nextAt(at(5.1)))
    #expect(limiter.admit(now: MonotonicTime(nanoseconds: until.nanoseconds - 1)) != .admitted)
    #expect(limiter.admit(now: until) == .admitted)
  }

  @Test func theKthFromNowIsForetold() {
    let limiter = RateLimiter(RateLimit(1000, burst: 4))
    for _ in 0..<2 { _ = limiter.admit(now: at(1)) }
    #expect(limiter.available(now: at(1)) == 2)
    #expect(limiter.nextAt(at(1), count: 2) == at(1))
    #expect(limiter.nextAt(at(1), count: 3) == at(1.001))
    #expect(limiter.nextAt(at(1), count: 1002) == at(2))
  }

  @Test func aRefundRestoresWhatWasTaken() {
    let limiter = RateLimiter(RateLimit(10, burst: 1))
    #expect(limiter.admit(now: at(3)) == .admitted)
    limiter.refund()
    #expect(limiter.admit(now: at(3)) == .admitted)
    #expect(limiter.admit(now: at(3)) == .wait(until: at(3.1)))
  }

  @Test func withoutALimitAllPassAndWithNoneNobody() {
    let free = RateLimiter(.unlimited)
    let shut = RateLimiter(RateLimit(0))
    for _ in 0..<10_000 { #expect(free.admit(now: at(1)) == .admitted) }
    #expect(free.nextAt(at(7), count: 1 << 40) == at(7))
    #expect(shut.admit(now: at(1e9)) == .wait(until: .distantFuture))
    #expect(shut.nextAt(at(1), count: 5) == .distantFuture)
  }

  @Test func extremesSaturateInsteadOfTrapping() {
    let daily = RateLimiter(RateLimit(1, per: .seconds(86_400)))
    #expect(daily.admit(now: .zero) == .admitted)
    #expect(daily.admit(now: at(86_399)) == .wait(until: at(86_400)))
    #expect(daily.nextAt(.zero, count: .max) == .distantFuture)
    let huge = RateLimiter(RateLimit(.max, per: .seconds(1), burst: .max))
    #expect(huge.admit(now: .distantFuture) == .admitted)
    let slow = RateLimiter(RateLimit(1, per: .seconds(Int64.max), burst: .max))
    #expect(slow.nextAt(.zero) == .zero)
    _ = slow.admit(now: .distantFuture)
    slow.refund()
  }

  @Test func aReloadGivesNoBurstForFree() {
    let limiter = RateLimiter(RateLimit(100, burst: 10))
    for _ in 0..<10 { #expect(limiter.admit(now: at(1)) == .admitted) }
    for burst in [50, 10, 200, 10] {
      limiter.change(to: RateLimit(1000, burst: burst), now: at(1))
      #expect(limiter.admit(now: at(1)) != .admitted)
    }
    limiter.change(to: RateLimit(100, burst: 20), now: at(1))
    #expect(limiter.available(now: at(1.1)) == 10)
  }

  @Test func aReloadTakesNoMoreThanTheNewBurstAllows() {
    let limiter = RateLimiter(RateLimit(100, burst: 10))
    limiter.change(to: RateLimit(100, burst: 4), now: at(1))
    #expect(limiter.available(now: at(1)) == 4)
    limiter.change(to: RateLimit(100, burst: 10), now: at(1))
    #expect(limiter.available(now: at(1)) == 4)
  }

  @Test func limitsCanBeSetAndLifted() {
    let limiter = RateLimiter(.unlimited)
    limiter.change(to: RateLimit(10, burst: 5), now: at(2))
    #expect(limiter.available(now: at(2)) == 1)
    limiter.change(to: RateLimit(0), now: at(2))
    #expect(limiter.admit(now: at(9)) == .wait(until: .distantFuture))
    limiter.change(to: RateLimit(10, burst: 5), now: at(9))
    #expect(limiter.available(now: at(9)) == 0)
    #expect(limiter.available(now: at(9.2)) == 2)
    limiter.change(to: .unlimited, now: at(10))
    #expect(limiter.admit(now: at(10)) == .admitted)
  }

  @Test func anUnnamedBurstIsATenthOfASecond() {
    #expect(RateLimit(500).burst == 50)
    #expect(RateLimit(1).burst == 1)
    #expect(RateLimit(500).perSecond == 500)
    #expect(RateLimit(500, burst: 0).burst == 1)
  }

  @Test func manyThreadsTakeNoTokenTwice() async {
    let limiter = RateLimiter(RateLimit(1_000_000, burst: 1000))
    let passed = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          (1...5000).count { limiter.admit(now: MonotonicTime(nanoseconds: UInt64($0) * 1000)) == .admitted }
        }
      }
      return await group.reduce(0, +)
    }
    // Demand is fourfold, so each token is taken: the burst, and one each microsecond after the first.
    #expect(passed == 1000 + 4999)
  }

  @Test func reloadsWhileThreadsTakeTokensNeverGiveMoreThanTheFasterLimit() async {
    let limiter = RateLimiter(RateLimit(100_000, burst: 10))
    let done = Flag()
    let passed = await withTaskGroup(of: Int.self) { group in
      group.addTask {
        for turn in 1...20_000 {
          let limit = turn % 2 == 0 ? RateLimit(100_000, burst: 10) : RateLimit(50_000, burst: 5)
          limiter.change(to: limit, now: MonotonicTime(nanoseconds: 1_000_000))
        }
        done.raise()
        return 0
      }
      for _ in 0..<2 {
        group.addTask {
          var passed = 0
          while !done.isRaised {
            if limiter.admit(now: MonotonicTime(nanoseconds: 1_000_000)) == .admitted { passed += 1 }
          }
          return passed
        }
      }
      return await group.reduce(0, +)
    }
    #expect(passed <= 10)
  }
}

/// A Bool that threads share.
private final class Flag: Sendable {
  private let value = Atomic(false)
  var isRaised: Bool { value.load(ordering: .acquiring) }
  func raise() { value.store(true, ordering: .releasing) }
}
