import Basics
import Testing
import Uring

@Suite struct DescriptorTableTests {
  @Test func `outgoing slots are the second half's, each at one time only, and all come back`() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededGenerator(seed: seed)
    var table = DescriptorTable(acceptedCapacity: 10, outgoingCapacity: 20)
    var open: [UInt32] = []
    var isRight = true
    for _ in 0..<10_000 {
      if Bool.random(using: &random), let slot = table.takeOutgoing() {
        if open.contains(slot) || !(10..<30).contains(slot) { isRight = false }
        open.append(slot)
      } else if !open.isEmpty {
        let slot = open.remove(at: Int.random(in: open.indices, using: &random))
        table.beginClosing(slot)
        if table.isOpen(slot) { isRight = false }
        table.release(slot)
      }
      if table.outgoingCount != open.count || table.outgoingFree != 20 - open.count { isRight = false }
    }
    #expect(isRight, "seed \(seed)")
  }

  @Test func `none is given when all are open or closing`() throws {
    var table = DescriptorTable(acceptedCapacity: 1, outgoingCapacity: 1)
    let taken = table.takeOutgoing()
    let slot = try #require(taken)
    table.beginClosing(slot)
    let none = table.takeOutgoing()
    #expect(none == nil)
    table.release(slot)
    let again = table.takeOutgoing()
    #expect(again == slot)
  }

  @Test func `accepted sockets count until they are released`() {
    var table = DescriptorTable(acceptedCapacity: 3, outgoingCapacity: 0)
    table.noteAccepted(2)
    table[note: 2] = 77
    #expect(table.acceptedFree == 2 && table[note: 2] == 77)
    table.beginClosing(2)
    #expect(table.acceptedFree == 2)
    table.release(2)
    #expect(table.acceptedFree == 3)
  }
}
