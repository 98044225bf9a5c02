import Basics
import Glibc
import Testing

/// Pages of the pool that are resident: mincore(2).
private func residentPages(_ pool: borrowing BufferPool, first: BufferID) -> Int {
  let pages = (pool.count * BufferPool.stride + 4095) / 4096
  var flags = [UInt8](repeating: 0, count: pages)
  let result = mincore(pool.base(first), pages * 4096, &flags)
  #expect(result == 0)
  return flags.count { $0 & 1 != 0 }
}

@Suite struct BufferPoolReturnTests {
  /// Ends the age that runs.
  private func age(_ pool: inout BufferPool) { while !pool.giveBackUnused() {} }

  /// Takes all buffers, and writes to each.
  private func fill(_ pool: inout BufferPool) -> [BufferID] {
    let ids = (0..<pool.count).map { _ in pool.take()! }
    for id in ids { memset(pool.base(id), Int32(id.rawValue & 0xff) | 1, BufferPool.stride) }
    return ids
  }

  @Test func whatNobodyHasUsedForTwoAgesLosesItsMemory() {
    var pool = BufferPool(count: 300)
    let ids = fill(&pool)
    let all = residentPages(pool, first: ids[0])
    #expect(all == 300 * BufferPool.stride / 4096 + 1)
    ids.forEach { pool.give($0) }
    #expect(pool.unusedCount == 300)
    age(&pool)
    age(&pool)
    #expect(pool.unusedCount == 300 && residentPages(pool, first: ids[0]) == all)
    age(&pool)
    #expect(pool.unusedCount == 0 && residentPages(pool, first: ids[0]) == 0)
  }

  @Test func takenBuffersKeepTheirBytes() {
    var pool = BufferPool(count: 301)
    let ids = fill(&pool)
    for id in ids where id.rawValue % 3 != 0 { pool.give(id) }
    for _ in 0..<3 { age(&pool) }
    #expect(pool.unusedCount == 0)
    for id in ids where id.rawValue % 3 == 0 {
      let bytes = UnsafeRawBufferPointer(start: pool.base(id), count: BufferPool.stride)
      #expect(bytes.allSatisfy { $0 == UInt8(id.rawValue & 0xff) | 1 }, "buffer \(id.rawValue)")
    }
    // Pairs of neighbours between: 33,408 bytes have seven whole pages at least.
    #expect(residentPages(pool, first: ids[0]) <= 301 * BufferPool.stride / 4096 + 1 - 100 * 7)
  }

  @Test func whatIsUsedNowAndThenKeepsItsMemory() {
    var pool = BufferPool(count: 2)
    let ids = fill(&pool)
    ids.forEach { pool.give($0) }
    for _ in 0..<600 {
      let hot = pool.take()!
      #expect(hot == ids[1])
      pool.give(hot)
      age(&pool)
    }
    #expect(pool.unusedCount == 1)
  }

  @Test func aStepIsShort() {
    var pool = BufferPool(count: 300)
    let ids = fill(&pool)
    ids.forEach { pool.give($0) }
    for _ in 0..<2 { age(&pool) }
    var steps = 0
    while pool.unusedCount > 0 {
      let before = pool.unusedCount
      _ = pool.giveBackUnused()
      #expect(before - pool.unusedCount <= 32)
      steps += 1
    }
    #expect(steps >= 300 / 32)
  }

  @Test(arguments: 0..<20) func anythingTakenKeepsItsBytesWhateverIsReturned(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var pool = BufferPool(count: 40)
    var taken: [(id: BufferID, byte: UInt8)] = []
    for round in 0..<2000 {
      switch Int.random(in: 0..<5, using: &random) {
      case 0, 1:
        guard let id = pool.take() else { break }
        memset(pool.base(id), Int32(round & 0xff), BufferPool.stride)
        taken.append((id, UInt8(round & 0xff)))
      case 2, 3:
        guard let index = taken.indices.randomElement(using: &random) else { break }
        let (id, byte) = taken.remove(at: index)
        let bytes = UnsafeRawBufferPointer(start: pool.base(id), count: BufferPool.stride)
        #expect(bytes.allSatisfy { $0 == byte }, "seed \(seed)")
        pool.give(id)
      default: _ = pool.giveBackUnused()
      }
      #expect(pool.unusedCount >= 0 && pool.takenCount == taken.count, "seed \(seed)")
    }
  }
}
