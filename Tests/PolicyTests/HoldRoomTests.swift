import Basics
import Policy
import Testing

@Suite struct HoldRoomTests {
  @Test func theHeldAreReleasedInTheOrderOfTheirSlots() {
    var generator = SeededGenerator.told()
    var room = HoldRoom(capacity: 500, slots: 500)
    var due: [(MonotonicTime, SlotID)] = []
    for index in 0..<500 {
      let time = at(Double.random(in: 1...60, using: &generator))
      #expect(room.hold(slot(index), until: time) == true)
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
    var room = HoldRoom(capacity: 2, slots: 10)
    #expect(room.hold(slot(1), until: at(2)) == true)
    #expect(room.hold(slot(9), until: at(1)) == true)
    #expect(room.hold(slot(5), until: at(1)) == false)
    #expect(room.popDue(at(5)) == slot(9))
    #expect(room.hold(slot(5), until: at(1)) == true)
    room.capacity = 0
    #expect(room.isFull == true)
  }

  @Test func aStaleSlotTakesNobodyOut() {
    var room = HoldRoom(capacity: 2, slots: 10)
    #expect(room.hold(slot(3, generation: 2), until: at(2)) == true)
    #expect(room.leave(slot(3, generation: 1)) == false)
    #expect(room.leave(slot(7)) == false)
    #expect(room.leave(slot(3, generation: 2)) == true)
    #expect(room.leave(slot(3, generation: 2)) == false)
  }
}
