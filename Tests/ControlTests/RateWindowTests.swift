import Basics
import Control
import Testing

@Suite struct RateWindowTests {
  private func time(_ milliseconds: UInt64) -> MonotonicTime {
    MonotonicTime(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000)
  }

  @Test func hasNoRateBeforeTheSecondSample() {
    var window = RateWindow()
    window.add(counters: [.connections: 1_000_000], gauges: [:], now: time(0))
    #expect(window.rate(.connections) == 0)
  }

  @Test func showsTheLastSecondAndTheHighestOne() {
    var window = RateWindow()
    var count: UInt64 = 0
    for step in 0...20 as ClosedRange<UInt64> {
      // 100 a second, and 1000 a second from the fifth second on.
      window.add(counters: [.connections: count], gauges: [:], now: time(step * 250))
      count += step < 16 ? 25 : 250
    }
    #expect(window.rate(.connections) == 1000)
    for step in 21...28 as ClosedRange<UInt64> {
      window.add(counters: [.connections: count], gauges: [:], now: time(step * 250))
    }
    #expect(window.rate(.connections) == 0)
    #expect(window.maximum(.connections) == 1000)
  }

  @Test func aCounterThatWentBackBeginsAnew() {
    var window = RateWindow()
    window.add(counters: [.connections: 500], gauges: [:], now: time(0))
    window.add(counters: [.connections: 3], gauges: [:], now: time(1000))
    #expect(window.rate(.connections) == 0)
  }

  @Test func remembersTheHighestValueOfAGauge() {
    var window = RateWindow()
    for (step, value) in [3, 9, 4].enumerated() {
      window.add(counters: [:], gauges: [.listenerLive("l"): UInt64(value)], now: time(UInt64(step)))
    }
    #expect(window.maximum(.listenerLive("l")) == 9)
  }
}
