import Foundation
import Synchronization
import Telemetry
import Testing

@Suite struct EventLogTests {
  @Test func handsEventsOverInOrder() {
    let log = EventLog<String>(capacity: 4)
    for name in ["first", "second", "third"] { #expect(log.record(name)) }
    var seen: [String] = []
    log.drain { seen.append($0) }
    #expect(seen == ["first", "second", "third"])
    log.drain { _ in Issue.record("nothing is left to drain") }
  }

  @Test func roundsTheCapacityUpToAPowerOfTwo() {
    #expect(EventLog<Int>(capacity: 5).capacity == 8)
    #expect(EventLog<Int>(capacity: 1).capacity == 1)
  }

  @Test func dropsAndCountsWhatFindsItFull() {
    let log = EventLog<Int>(capacity: 2)
    #expect(log.record(1))
    #expect(log.record(2))
    #expect(!log.record(3))
    #expect(!log.record(4))
    #expect(log.droppedCount == 2)
    var seen: [Int] = []
    log.drain { seen.append($0) }
    #expect(seen == [1, 2])
    #expect(log.record(5), "a drained ring takes events again")
  }

  @Test func recordingWhileDrainingNeitherLosesNorRepeats() {
    let log = EventLog<Int>(capacity: 2)
    log.record(0)
    var seen: [Int] = []
    log.drain { event in
      seen.append(event)
      if event < 10 { log.record(event + 1) }
    }
    while let last = seen.last, last < 10 {
      log.drain { event in
        seen.append(event)
        if event < 10 { log.record(event + 1) }
      }
    }
    #expect(seen == Array(0...10))
  }

  @Test func letsGoOfEventsThatNobodyDrained() {
    final class Mark: Sendable {}
    weak var gone: Mark?
    do {
      let log = EventLog<Mark>(capacity: 4)
      let mark = Mark()
      gone = mark
      log.record(mark)
    }
    #expect(gone == nil)
  }

  @Test func twoThreadsSeeEveryEventOnceAndInOrder() {
    let log = EventLog<[Int]>(capacity: 64)
    let count = 200_000
    let done = Atomic<Bool>(false)
    let recorder = Thread {
      for number in 0..<count { log.record([number, ~number]) }
      done.store(true, ordering: .releasing)
    }
    recorder.start()
    var seen = 0
    var last = -1
    var ordered = true
    func drain() {
      log.drain { event in
        ordered = ordered && event[0] > last && event[1] == ~event[0]
        last = event[0]
        seen += 1
      }
    }
    while !done.load(ordering: .acquiring) { drain() }
    drain()
    #expect(ordered)
    #expect(seen + Int(log.droppedCount) == count)
    #expect(seen > 0)
  }
}
