import Basics
import Testing

@Suite struct BufferPoolTests {
  @Test func aFreshBufferIsEmptyWithItsWholeRoom() throws {
    var pool = BufferPool(count: 2)
    let id = try unwrap(pool.take())
    #expect(pool.count(id) == 0)
    #expect(pool.start(id) == BufferPool.headRoom)
    #expect(pool.room(id) == BufferPool.payload)
    pool.give(id)
  }

  @Test func theLastGivenIsTheNextTaken() throws {
    var pool = BufferPool(count: 4)
    let first = try unwrap(pool.take())
    let second = try unwrap(pool.take())
    pool.give(first)
    pool.give(second)
    #expect(pool.take() == second)
    #expect(pool.take() == first)
  }

  @Test func aPoolRunDrySaysSoAndCountsIt() throws {
    var pool = BufferPool(count: 2)
    let first = try unwrap(pool.take())
    _ = pool.take()
    #expect(pool.take() == nil)
    #expect(pool.exhaustedCount == 1)
    #expect(pool.freeCount == 0)
    pool.give(first)
    #expect(pool.take() == first)
    #expect(pool.exhaustedCount == 1)
  }

  @Test func buffersDoNotOverlapIncludingTheirRooms() throws {
    var pool = BufferPool(count: 3)
    let ids = try (0..<3).map { _ in try unwrap(pool.take()) }
    for id in ids {
      UnsafeMutableRawBufferPointer(start: pool.base(id), count: BufferPool.stride)
        .initializeMemory(as: UInt8.self, repeating: UInt8(id.rawValue) + 1)
    }
    for id in ids {
      let whole = UnsafeRawBufferPointer(start: pool.base(id), count: BufferPool.stride)
      #expect(whole.allSatisfy { $0 == UInt8(id.rawValue) + 1 })
    }
  }

  @Test func roomShrinksWithWhatStandsBeforeAndNeverTouchesTheTail() throws {
    var pool = BufferPool(count: 1)
    let id = try unwrap(pool.take())
    pool.setPayload(id, start: BufferPool.headRoom + 100, count: 1000)
    #expect(pool.room(id) == BufferPool.payload - 1100)
    #expect(pool.bytes(id).count == 1000)
    #expect(pool.bytes(id).baseAddress == pool.base(id) + BufferPool.headRoom + 100)
    pool.setPayload(id, start: BufferPool.headRoom, count: BufferPool.payload + 16)
    #expect(pool.room(id) == 0)
  }
}

@Suite struct BufferQueueTests {
  private func fill(_ buffer: BufferID, _ bytes: [UInt8], _ pool: inout BufferPool) {
    let start = pool.start(buffer)
    (pool.base(buffer) + start).copyMemory(from: bytes, byteCount: bytes.count)
    pool.setPayload(buffer, start: start, count: bytes.count)
  }

  @Test func bytesGoAheadOfTheFirstBuffersPayload() throws {
    var pool = BufferPool(count: 2)
    var queue = BufferQueue()
    for bytes in [[1, 2, 3], [4]] as [[UInt8]] {
      let buffer = try unwrap(pool.take())
      fill(buffer, bytes, &pool)
      queue.append(buffer, in: &pool)
    }
    [UInt8]([7, 8, 9, 10]).withUnsafeBytes { queue.extendFirst(with: $0, in: &pool) }
    #expect(queue.byteCount == 8 && queue.bufferCount == 2)
    #expect(Array(pool.bytes(queue.head)) == [7, 8, 9, 10, 1, 2, 3])
    #expect(pool.room(queue.head) == BufferPool.payload - 7)
    #expect(Array(pool.bytes(queue.last)) == [4])
    queue.removeAll(in: &pool)
  }

  @Test func theFirstBufferCanBeFilledToItsEnd() throws {
    var pool = BufferPool(count: 1)
    var queue = BufferQueue()
    let buffer = try unwrap(pool.take())
    fill(buffer, [UInt8](repeating: 5, count: BufferPool.payload - 3), &pool)
    queue.append(buffer, in: &pool)
    [UInt8]([1, 2, 3]).withUnsafeBytes { queue.extendFirst(with: $0, in: &pool) }
    #expect(pool.room(buffer) == 0)
    #expect(Array(pool.bytes(buffer)) == [1, 2, 3] + [UInt8](repeating: 5, count: BufferPool.payload - 3))
    queue.removeAll(in: &pool)
  }

  @Test func anEmptyQueueHasNothing() {
    let pool = BufferPool(count: 1)
    var queue = BufferQueue()
    #expect(queue.isEmpty)
    #expect(queue.removeFirst(in: pool) == nil)
    #expect(queue.head.isNone && queue.last.isNone)
  }

  @Test func extendingTheLastBufferCountsItsBytes() throws {
    var pool = BufferPool(count: 1)
    var queue = BufferQueue()
    queue.append(try unwrap(pool.take()), in: &pool)
    for text in ["tide", "gate"] {
      Array(text.utf8).withUnsafeBytes { queue.extendLast(with: $0, in: &pool) }
    }
    #expect(queue.byteCount == 8)
    #expect(queue.bufferCount == 1)
    #expect(String(decoding: pool.bytes(queue.last), as: UTF8.self) == "tidegate")
    queue.removeAll(in: &pool)
    #expect(pool.takenCount == 0)
  }

  @Test(arguments: 0..<20) func queuesOfOnePoolBehaveLikeArrays(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var pool = BufferPool(count: 24)
    var queues = [BufferQueue](repeating: BufferQueue(), count: 3)
    var models = [[BufferID]](repeating: [], count: 3)
    for _ in 0..<500 {
      let which = Int.random(in: 0..<3, using: &random)
      if Int.random(in: 0..<5, using: &random) < 3 {
        guard let id = pool.take() else { continue }
        pool.setPayload(
          id, start: BufferPool.headRoom, count: Int.random(in: 0...BufferPool.payload, using: &random))
        queues[which].append(id, in: &pool)
        models[which].append(id)
      } else if let id = queues[which].removeFirst(in: pool) {
        #expect(id == models[which].removeFirst(), "seed \(seed)")
        pool.give(id)
      } else {
        #expect(models[which].isEmpty, "seed \(seed)")
      }
      let bytes = models[which].reduce(0) { $0 + pool.count($1) }
      #expect(queues[which].byteCount == UInt32(bytes), "seed \(seed)")
      #expect(queues[which].bufferCount == UInt32(models[which].count), "seed \(seed)")
      #expect(queues[which].last == models[which].last ?? .none, "seed \(seed)")
    }
    for which in 0..<3 { queues[which].removeAll(in: &pool) }
    #expect(pool.takenCount == 0, "seed \(seed)")
  }
}

@Suite struct BufferPoolAppendTests {
  @Test func appendingCopiesTheFirstBytesBehindThePayload() {
    var pool = BufferPool(count: 2)
    let (source, target) = (pool.take()!, pool.take()!)
    for (buffer, text) in [(source, "world!"), (target, "hello ")] {
      let bytes = Array(text.utf8)
      (pool.base(buffer) + BufferPool.headRoom).copyMemory(from: bytes, byteCount: bytes.count)
      pool.setPayload(buffer, start: BufferPool.headRoom, count: bytes.count)
    }
    pool.append(5, of: source, to: target)
    #expect(String(decoding: pool.bytes(target), as: UTF8.self) == "hello world")
    #expect(String(decoding: pool.bytes(source), as: UTF8.self) == "world!")
    pool.give(source)
    pool.give(target)
  }
}
