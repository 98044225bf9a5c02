import Basics
import Testing

@Suite struct TimerWheelTests {
  static func ticks(_ count: UInt64) -> MonotonicTime {
    MonotonicTime(nanoseconds: count * TimerWheel.tick)
  }

  @Test func aDeadlineFiresAtItsTicksEndAndNotBefore() {
    var wheel = TimerWheel(capacity: 4, now: .zero)
    wheel.set(2, at: MonotonicTime(nanoseconds: 5 * TimerWheel.tick + 1))
    #expect(wheel.popDue(MonotonicTime(nanoseconds: 6 * TimerWheel.tick - 1)) == nil)
    #expect(wheel.isSet(2) == true)
    #expect(wheel.popDue(Self.ticks(6)) == 2)
    #expect(wheel.isSet(2) == false)
    #expect(wheel.count == 0)
  }

  @Test func aDeadlineInThePastFiresWithTheNextTick() {
    var wheel = TimerWheel(capacity: 1, now: Self.ticks(1000))
    wheel.set(0, at: Self.ticks(3))
    #expect(wheel.popDue(Self.ticks(1000)) == nil)
    #expect(wheel.popDue(Self.ticks(1001)) == 0)
  }

  /// Who fires only a few at a time is told at once that there are more, and how late they are.
  @Test func whatIsLeftOfATickIsDueAtOnce() {
    var wheel = TimerWheel(capacity: 20, now: .zero)
    for slot: UInt32 in 0..<10 { wheel.set(slot, at: Self.ticks(4)) }
    for slot: UInt32 in 10..<20 { wheel.set(slot, at: Self.ticks(70)) }
    var fired: Set<UInt32> = []
    for round in 1...5 {
      let now = Self.ticks(100 + UInt64(round))
      #expect(wheel.nextDeadline().map { $0 <= now } == true)
      for _ in 0..<4 { if let slot = wheel.popDue(now) { fired.insert(slot) } }
      #expect(fired.count == 4 * round)
      #expect(wheel.lateness(now) == now.since(Self.ticks(round < 3 ? 5 : 71)))
      // What is set meanwhile isn't lost, and not fired before its time.
      if round == 1, let slot = fired.popFirst() {
        wheel.set(slot, at: now + .seconds(1))
        fired.insert(.max)
      }
    }
    #expect(wheel.count == 1 && wheel.popDue(Self.ticks(106)) == nil)
    #expect(wheel.popDue(Self.ticks(101) + .seconds(2)) != nil)
  }

  @Test func settingAgainReplacesTheDeadline() {
    var wheel = TimerWheel(capacity: 1, now: .zero)
    wheel.set(0, at: Self.ticks(10))
    wheel.set(0, at: Self.ticks(100))
    #expect(wheel.count == 1)
    #expect(wheel.popDue(Self.ticks(99)) == nil)
    wheel.set(0, at: .distantFuture)
    #expect(wheel.count == 0)
    #expect(wheel.popDue(Self.ticks(1 << 20)) == nil)
  }

  @Test func deadlinesOnTheEdgesOfEachLevelFireInTheirTick() {
    var offsets: [UInt64] = [1, 2]
    for level: UInt64 in 1...3 {
      for distance in [-1, 0, 1] { offsets.append(UInt64(Int(1 << (6 * level)) + distance)) }
    }
    for start: UInt64 in [0, 63, 4095, 262_143] {
      for offset in offsets {
        var wheel = TimerWheel(capacity: 1, now: Self.ticks(start))
        wheel.set(0, at: MonotonicTime(nanoseconds: (start + offset) * TimerWheel.tick - 1))
        #expect(wheel.popDue(Self.ticks(start + offset - 1)) == nil, "start \(start) offset \(offset)")
        #expect(wheel.popDue(Self.ticks(start + offset)) == 0, "start \(start) offset \(offset)")
      }
    }
  }

  @Test func aDeadlineBeyondTheWheelsReachFiresInItsTick() {
    let reach: UInt64 = 1 << 24
    var wheel = TimerWheel(capacity: 2, now: Self.ticks(77))
    wheel.set(1, at: Self.ticks(77 + reach + 5))
    #expect(wheel.popDue(Self.ticks(77 + reach + 5)) == nil)
    #expect(wheel.popDue(Self.ticks(77 + reach + 6)) == 1)
  }

  @Test func deadlinesMaySetAndClearOthersWhileTheyFire() {
    var wheel = TimerWheel(capacity: 3, now: .zero)
    wheel.set(0, at: Self.ticks(2))
    wheel.set(1, at: Self.ticks(3))
    var fired: [UInt32] = []
    while let slot = wheel.popDue(Self.ticks(200)) {
      fired.append(slot)
      if fired.count == 1 {
        wheel.clear(1)
        wheel.set(2, at: Self.ticks(1))
        wheel.set(0, at: Self.ticks(150))
      }
    }
    #expect(fired == [0, 2, 0])
    #expect(wheel.count == 0)
  }

  @Test(arguments: 0..<40) func theWheelFiresWhatANaiveModelFires(seed: UInt64) {
    var trial = TimerTrial(seed: seed)
    for _ in 0..<300 where trial.failure == nil { trial.step() }
    #expect(trial.failure == nil, "seed \(seed): \(trial.failure ?? "")")
    #expect(trial.firedCount > 0, "seed \(seed)")
  }
}

/// A wheel beside a dictionary of deadlines, driven by the same random steps.
struct TimerTrial: ~Copyable {
  static let slots: UInt32 = 50
  var wheel: TimerWheel
  var model: [UInt32: UInt64] = [:]
  var now: MonotonicTime
  var random: SeededGenerator
  var firedCount = 0
  var failure: String?

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    now = MonotonicTime(nanoseconds: UInt64.random(in: 0..<1 << 50, using: &random))
    wheel = TimerWheel(capacity: Int(Self.slots), now: now)
  }

  mutating func step() {
    switch Int.random(in: 0..<10, using: &random) {
    case 0..<5: setOne()
    case 5: clearOne()
    default: advance()
    }
    if wheel.count != model.count { failure = "count \(wheel.count), model \(model.count)" }
  }

  /// A span of a random magnitude, from nothing to days.
  mutating func span() -> UInt64 {
    let bits = UInt64.random(in: 0...48, using: &random)
    return UInt64.random(in: 0...(1 << bits), using: &random)
  }

  mutating func setOne() {
    let slot = UInt32.random(in: 0..<Self.slots, using: &random)
    let time = MonotonicTime(nanoseconds: now.nanoseconds + span())
    wheel.set(slot, at: time)
    model[slot] = time.nanoseconds
  }

  mutating func clearOne() {
    let slot = UInt32.random(in: 0..<Self.slots, using: &random)
    wheel.clear(slot)
    model[slot] = nil
  }

  mutating func advance() {
    if Bool.random(using: &random), let next = wheel.nextDeadline() {
      // Sleeping as long as the wheel allows must never be too long.
      now = max(now, next)
    } else {
      now.nanoseconds += min(span(), 1 << 40)
    }
    while let slot = wheel.popDue(now) { fired(slot) }
    for (slot, due) in model
    where due + TimerWheel.tick <= now.nanoseconds / TimerWheel.tick * TimerWheel.tick {
      failure = "slot \(slot) was due at \(due), now \(now.nanoseconds)"
    }
    checkNextDeadline()
  }

  mutating func fired(_ slot: UInt32) {
    firedCount += 1
    guard let due = model.removeValue(forKey: slot) else { return failure = "slot \(slot) fired unset" }
    if due > now.nanoseconds { failure = "slot \(slot) fired at \(now.nanoseconds), due at \(due)" }
    // Some set deadlines inside of the firing, as a worker does.
    if Int.random(in: 0..<4, using: &random) == 0 { setOne() }
    if Int.random(in: 0..<8, using: &random) == 0 { clearOne() }
  }

  mutating func checkNextDeadline() {
    guard let earliest = model.values.min() else {
      if wheel.nextDeadline() != nil { failure = "a next deadline where there is none" }
      return
    }
    guard let next = wheel.nextDeadline() else { return failure = "no next deadline" }
    let latest = max(earliest + TimerWheel.tick, now.nanoseconds + TimerWheel.tick)
    if next.nanoseconds > latest { failure = "next \(next.nanoseconds), due at \(earliest)" }
    if next.nanoseconds + TimerWheel.tick < now.nanoseconds { failure = "next deadline long past" }
  }
}
