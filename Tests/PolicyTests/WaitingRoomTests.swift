import Basics
import Policy
import Testing

@Suite struct WaitingRoomTests {
  @Test func itBehavesLikeAListPerLane() {
    var generator = SeededGenerator.told()
    var room = WaitingRoom(slots: 64, lanes: 3)
    var model: [[SlotID]] = [[], [], []]
    var generations = Array(repeating: UInt32(0), count: 64)
    for step in 0..<5000 {
      let index = Int.random(in: 0..<64, using: &generator)
      let id = slot(index, generation: generations[index])
      if let lane = model.firstIndex(where: { $0.contains(id) }) {
        #expect(room.leave(id)?.lane == lane)
        model[lane].removeAll { $0 == id }
      } else {
        #expect(room.leave(id) == nil)
        generations[index] += 1
        let lane = Int.random(in: 0..<3, using: &generator)
        let fresh = slot(index, generation: generations[index])
        room.enter(fresh, lane: lane, now: at(Double(step)), deadline: at(Double(step + 9)))
        model[lane].append(fresh)
      }
      for lane in 0..<3 {
        #expect(room.first(lane)?.slot == model[lane].first)
        #expect(room.last(lane)?.slot == model[lane].last)
        #expect(room.count(lane) == model[lane].count)
      }
      #expect(room.count == model.joined().count)
    }
  }

  @Test func theOldestOfAllLanesIsKnown() {
    var room = WaitingRoom(slots: 4, lanes: 2)
    #expect(room.oldestEntry == nil)
    room.enter(slot(0), lane: 1, now: at(5), deadline: at(9))
    room.enter(slot(1), lane: 0, now: at(6), deadline: at(9))
    #expect(room.oldestEntry == at(5))
    room.leave(slot(0))
    #expect(room.oldestEntry == at(6))
  }

  @Test func aFormerTenantOfTheSlotDoesNotWait() {
    var room = WaitingRoom(slots: 4, lanes: 1)
    room.enter(slot(2, generation: 8), lane: 0, now: at(1), deadline: at(2))
    #expect(room.leave(slot(2, generation: 7)) == nil)
    #expect(room.visitor(slot(2, generation: 8))?.deadline == at(2))
    #expect(room.visitor(slot(3)) == nil)
  }
}
