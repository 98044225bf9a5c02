import Basics
import Policy
import Testing

@Suite struct ReturnSlotsTests {
  @Test func aHerdThatObeysReturnsAsAFlatLine() {
    var generator = SeededGenerator.told()
    let slots = ReturnSlots()
    let (clients, rate) = (20_000, 500)
    var arrivals = Array(repeating: 0, count: 100)
    for _ in 0..<clients {
      let told = slots.reserve(perSecond: Double(rate), from: at(100), now: at(100), using: &generator)
      // Whole seconds, and up to a second of the client's own jitter.
      let wait = Double(told.retryAfterSeconds) + Double.random(in: 0..<1, using: &generator)
      arrivals[Int(wait)] += 1
    }
    let last = arrivals.lastIndex { $0 > 0 } ?? 0
    #expect(Double(last) <= Double(clients / rate) * 1.05)
    // The first and the last second hold what the jitter leaves of them.
    for second in 2..<clients / rate { #expect((450...550).contains(arrivals[second]), "second \(second)") }
    #expect(arrivals.reduce(0, +) == clients)
  }

  @Test func theFirstSecondIsAsFullAsTheOthers() {
    var generator = SeededGenerator.told()
    let slots = ReturnSlots()
    var arrivals = Array(repeating: 0, count: 12)
    for _ in 0..<5000 {
      let told = slots.reserve(perSecond: 500, from: at(1), now: at(1), using: &generator)
      arrivals[told.retryAfterSeconds] += 1
    }
    for second in 1..<10 { #expect((440...560).contains(arrivals[second]), "second \(second): \(arrivals)") }
  }

  @Test func exactSlotsLieOneIntervalApart() {
    var generator = SeededGenerator(seed: 1)
    let slots = ReturnSlots(jitter: .zero)
    for k in 0..<1000 {
      let told = slots.reserve(perSecond: 100, from: at(7), now: at(5), using: &generator)
      #expect(told == .milliseconds(2000 + 10 * k))
    }
  }

  @Test func thoseThatNeverReturnAreForgottenAsTimePasses() {
    var generator = SeededGenerator(seed: 1)
    let slots = ReturnSlots(jitter: .zero)
    for _ in 0..<1000 { _ = slots.reserve(perSecond: 100, from: .zero, now: at(1), using: &generator) }
    #expect(slots.backlog(now: at(1)) == .seconds(10))
    #expect(slots.backlog(now: at(6)) == .seconds(5))
    #expect(slots.reserve(perSecond: 100, from: .zero, now: at(20), using: &generator) == .zero)
  }

  @Test func whereOnlyHalfReturnSlotsLieCloser() {
    var generator = SeededGenerator(seed: 1)
    let slots = ReturnSlots(jitter: .zero)
    slots.learn(returning: 0.5)
    for _ in 0..<1000 { _ = slots.reserve(perSecond: 100, from: .zero, now: at(1), using: &generator) }
    #expect(slots.backlog(now: at(1)) == .seconds(5))
    slots.learn(returning: .nan)
    slots.learn(returning: 0)
    for _ in 0..<1000 { _ = slots.reserve(perSecond: 100, from: .zero, now: at(1), using: &generator) }
    #expect(slots.backlog(now: at(1)) == .milliseconds(7500))
  }

  @Test func nobodyIsToldMoreThanTheLimitAndTheRestIsSpread() {
    var generator = SeededGenerator.told()
    let slots = ReturnSlots(atMost: .seconds(60))
    var arrivals = Array(repeating: 0, count: 61)
    for _ in 0..<50_000 {
      let told = slots.reserve(perSecond: 500, from: at(1), now: at(1), using: &generator)
      #expect(told <= .seconds(60))
      arrivals[Int(told.inSeconds)] += 1
    }
    #expect(slots.backlog(now: at(1)) <= .seconds(61))
    for second in 0..<28 { #expect(arrivals[second] <= 620, "second \(second)") }
    // The 20,000 that are too many come in the second half, evenly.
    for second in 31..<59 { #expect((1050...1280).contains(arrivals[second]), "second \(second)") }
  }

  @Test func withoutARateThereIsOnlyTheJitter() {
    var generator = SeededGenerator(seed: 3)
    let slots = ReturnSlots(jitter: .milliseconds(500))
    for _ in 0..<1000 {
      let told = slots.reserve(perSecond: .infinity, from: at(1), now: at(1), using: &generator)
      #expect(told < .milliseconds(500))
    }
    #expect(slots.reserve(perSecond: 0, from: at(1), now: at(1), using: &generator) <= .seconds(60))
    #expect(slots.reserve(perSecond: 0, from: at(1), now: at(1), using: &generator) >= .seconds(30))
  }

  @Test func workersReserveNoSlotTwice() async {
    let slots = ReturnSlots(atMost: .seconds(600), jitter: .zero)
    let told = await withTaskGroup(of: [Duration].self) { group in
      for worker in 0..<4 {
        group.addTask {
          var generator = SeededGenerator(seed: UInt64(worker))
          return (0..<2000).map { _ in
            slots.reserve(perSecond: 1000, from: at(1), now: at(1), using: &generator)
          }
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    #expect(Set(told).count == 8000)
    #expect(told.max() == .milliseconds(7999))
  }

  @Test(arguments: [
    (Duration.zero, 1), (.nanoseconds(1), 1), (.seconds(1), 1), (.milliseconds(1001), 2), (.seconds(60), 60),
  ])
  func retryAfterIsInWholeSecondsRoundedUp(wait: Duration, seconds: Int) {
    #expect(wait.retryAfterSeconds == seconds)
  }
}
