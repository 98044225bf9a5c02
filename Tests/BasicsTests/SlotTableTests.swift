import Basics
import Testing

@Suite struct SlotTableTests {
  @Test func aStaleIdentifierFindsNothingInAReusedSlot() throws {
    var table = SlotTable<Int>(capacity: 2)
    let first = try unwrap(table.insert(10))
    table.remove(first)
    let second = try unwrap(table.insert(20))
    #expect(second.index == first.index)
    #expect(table.pointer(first) == nil)
    #expect(table.pointer(second)?.pointee == 20)
  }

  @Test func aFullTableTakesNoMore() throws {
    var table = SlotTable<Int>(capacity: 2)
    let first = try unwrap(table.insert(1))
    #expect(table.insert(2) != nil)
    #expect(table.insert(3) == nil)
    table.remove(first)
    #expect(table.insert(4) != nil)
    #expect(table.count == 2)
  }

  @Test func identifiersOutsideOfTheTableFindNothing() {
    let table = SlotTable<Int>(capacity: 2)
    #expect(table.contains(SlotID(index: 0, generation: 0)) == false)
    #expect(table.contains(SlotID(index: 2, generation: 1)) == false)
    #expect(table.contains(SlotID(index: .max, generation: 1)) == false)
    #expect(table.tenant(at: 0) == nil)
  }

  @Test func valuesEndWithTheirTenancyAndTheRestWithTheTable() throws {
    let ended = Tally()
    do {
      var table = SlotTable<Tenant>(capacity: 8)
      let first = try unwrap(table.insert(Tenant(ended)))
      _ = table.insert(Tenant(ended))
      _ = table.insert(Tenant(ended))
      table.remove(first)
      #expect(ended.count == 1)
    }
    #expect(ended.count == 3)
  }

  @Test func aValueRefusedByAFullTableEndsAtOnce() {
    let ended = Tally()
    var table = SlotTable<Tenant>(capacity: 1)
    _ = table.insert(Tenant(ended))
    #expect(table.insert(Tenant(ended)) == nil)
    #expect(ended.count == 1)
  }

  @Test(arguments: 0..<20) func theTableHoldsWhatANaiveModelHolds(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var table = SlotTable<UInt64>(capacity: 16)
    var model: [SlotID: UInt64] = [:]
    var gone: Set<SlotID> = []
    for _ in 0..<500 {
      if Bool.random(using: &random) {
        let value = random.next()
        let id = table.insert(value)
        #expect((id == nil) == (model.count == 16), "seed \(seed)")
        if let id { model[id] = value }
      } else if let id = model.keys.sorted(by: { $0.index < $1.index }).randomElement(using: &random) {
        table.remove(id)
        model[id] = nil
        gone.insert(id)
      }
      #expect(table.count == model.count, "seed \(seed)")
    }
    for (id, value) in model { #expect(table.pointer(id)?.pointee == value, "seed \(seed)") }
    for id in gone { #expect(table.contains(id) == false, "seed \(seed)") }
    for index in 0..<table.indexLimit {
      #expect(table.tenant(at: index) == model.keys.first { $0.index == index }, "seed \(seed)")
    }
  }

  @Test func tokensKeepOperationGenerationAndSlotApart() {
    let slot = SlotID(index: 0xdead_beef, generation: 0x00ab_cdef)
    let token = CompletionToken(operation: 0xfe, slot: slot)
    #expect(token.rawValue == 0xfeab_cdef_dead_beef)
    #expect(token.operation == 0xfe)
    #expect(token.slot == slot)
  }
}

/// Counts ends of tenants.
final class Tally {
  var count = 0
}

struct Tenant: ~Copyable {
  let tally: Tally
  init(_ tally: Tally) { self.tally = tally }
  deinit { tally.count += 1 }
}
