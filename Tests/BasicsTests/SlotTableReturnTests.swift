import Basics
import Glibc
import Testing

@Suite struct SlotTableReturnTests {
  /// As large as a connection, and full of its number.
  private struct Tenant {
    var words: InlineArray<77, Int>
    init(_ number: Int) { words = .init(repeating: number) }
  }

  private func residentPages(_ table: borrowing SlotTable<Tenant>, first: SlotID) -> Int {
    let pages = (table.capacity * MemoryLayout<Tenant>.stride + 4095) / 4096
    var flags = [UInt8](repeating: 0, count: pages)
    let result = mincore(table.pointer(first)!, pages * 4096, &flags)
    #expect(result == 0)
    return flags.count { $0 & 1 != 0 }
  }

  @Test func freeSlotsLoseTheirMemoryAndTenantsKeepTheirs() throws {
    var table = SlotTable<Tenant>(capacity: 5000)
    let ids = try (0..<5000).map { try unwrap(table.insert(Tenant($0))) }
    let all = residentPages(table, first: ids[0])
    #expect(all == (5000 * MemoryLayout<Tenant>.stride + 4095) / 4096)
    for (number, id) in ids.enumerated() where number % 100 != 0 { table.remove(id) }
    while !table.giveBackUnused() {}
    // Each of the 50 left holds two pages at most, and so does the end of each step.
    #expect(residentPages(table, first: ids[0]) <= 2 * 50 + 2 * 50)
    for (number, id) in ids.enumerated() {
      guard number % 100 == 0 else {
        let isThere = table.contains(id)
        #expect(!isThere)
        continue
      }
      let words = try unwrap(table.pointer(id)).pointee.words
      #expect(words.indices.allSatisfy { words[$0] == number })
    }
    // The table is as good as before.
    for number in 0..<4950 { _ = try unwrap(table.insert(Tenant(number))) }
    let tooMany = table.insert(Tenant(0))
    #expect(tooMany == nil)
  }

  @Test func aStepIsShort() throws {
    var table = SlotTable<Tenant>(capacity: 5000)
    let ids = try (0..<5000).map { try unwrap(table.insert(Tenant($0))) }
    for (number, id) in ids.enumerated() where number % 20 != 0 { table.remove(id) }
    var steps = 1
    while !table.giveBackUnused() { steps += 1 }
    #expect(steps >= 250 / 32)
  }
}
