import Basics
import Policy
import Testing

@Suite struct HoldRoomTests {
  @Test func theHeldAreReleasedInTheOrderOfTheirSlots() {
    var generator = SeededGenerator.told()
    var room = HoldRoom(total: HeldCount(limit: 500), slots: 500)
    var due: [(MonotonicTime, SlotID)] = []
    for index in 0..<500 {
      let time = at(Double.random(in: 1...60, using: &generator))
      #expect(room.hold(slot(index), until: time, now: at(0)) == true)
      due.append((time, slot(index)))
    }
    for index in due.indices.shuffled(using: &generator).prefix(200).sorted(by: >) {
      #expect(room.leave(due.remove(at: index).1) == true)
    }
    due.sort { $0.0 < $1.0 }
    for (time, id) in due {
      #expect(room.nextRelease == time)
      #expect(room.popDue(MonotonicTime(nanoseconds: time.nanoseconds - 1)) == nil)
      #expect(room.popDue(time) == id)
    }
    #expect(room.count == 0)
    #expect(room.nextRelease == nil)
  }

  @Test func aFullRoomHoldsNoMore() {
    let total = HeldCount(limit: 2)
    var room = HoldRoom(total: total, slots: 10)
    #expect(room.hold(slot(1), until: at(2), now: at(0)) == true)
    #expect(room.hold(slot(9), until: at(1), now: at(0)) == true)
    #expect(room.hold(slot(5), until: at(1), now: at(0)) == false)
    #expect(room.popDue(at(5)) == slot(9))
    #expect(room.hold(slot(5), until: at(1), now: at(0)) == true)
    total.change(limit: 1)
    #expect(total.now == 2)
    #expect(room.leave(slot(1)) == true)
    #expect(room.hold(slot(2), until: at(1), now: at(0)) == false)
  }

  @Test func allWorkersTogetherHoldAsManyAsMayBeAndNoMore() {
    var generator = SeededGenerator.told()
    let total = HeldCount(limit: 100)
    var one = HoldRoom(total: total, slots: 1000)
    var other = HoldRoom(total: total, slots: 1000)
    var fulls = 0
    for step in 0..<4000 {
      let index = Int.random(in: 0..<1000, using: &generator)
      let wasFull = total.now == 100
      let isFirst = Bool.random(using: &generator)
      let left = isFirst ? one.leave(slot(index)) : other.leave(slot(index))
      if !left {
        // All of the room is there for either worker.
        let isHeld =
          isFirst
          ? one.hold(slot(index), until: at(9), now: at(0))
          : other.hold(slot(index), until: at(9), now: at(0))
        #expect(isHeld == !wasFull, "step \(step)")
        if wasFull { fulls += 1 }
      }
      #expect(one.count + other.count == total.now && total.now <= 100, "step \(step)")
    }
    #expect(fulls > 100)
    while one.popDue(at(10)) != nil || other.popDue(at(10)) != nil {}
    #expect(total.now == 0)
  }

  @Test func nobodyIsHeldForLessThanASecond() {
    var room = HoldRoom(total: HeldCount(limit: 9), slots: 9)
    // A slot that is past, one that is near, and one that is far away.
    for (index, time) in [(1, 4.0), (2, 10.4), (3, 11.5)] {
      #expect(room.hold(slot(index), until: at(time), now: at(10)) == true)
    }
    #expect(room.nextRelease == at(11))
    #expect(room.popDue(at(10.999)) == nil)
    #expect(Set([room.popDue(at(11)), room.popDue(at(11))]) == [slot(1), slot(2)])
    #expect(room.popDue(at(11.499)) == nil)
    #expect(room.popDue(at(11.5)) == slot(3))
  }

  @Test func aStaleSlotTakesNobodyOut() {
    var room = HoldRoom(total: HeldCount(limit: 2), slots: 10)
    #expect(room.hold(slot(3, generation: 2), until: at(2), now: at(0)) == true)
    #expect(room.leave(slot(3, generation: 1)) == false)
    #expect(room.leave(slot(7)) == false)
    #expect(room.leave(slot(3, generation: 2)) == true)
    #expect(room.leave(slot(3, generation: 2)) == false)
  }
}
