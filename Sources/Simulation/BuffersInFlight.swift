internal import Basics
internal import Glibc

/// The buffers that sends hold, each with a copy of what was in it: nobody may touch them meanwhile.
struct BuffersInFlight {
  struct Part {
    var buffer: BufferID
    var start: Int
    var bytes: [UInt8]
  }

  private var held: Set<BufferID> = []

  var isEmpty: Bool { held.isEmpty }
  func contains(_ buffer: BufferID) -> Bool { held.contains(buffer) }

  /// Nil when the buffer is in another send already.
  mutating func hold(_ buffer: BufferID, in pool: borrowing BufferPool) -> Part? {
    guard held.insert(buffer).inserted else { return nil }
    return Part(buffer: buffer, start: pool.start(buffer), bytes: Array(pool.bytes(buffer)))
  }

  /// Gives the parts up. False when one of them isn't what it was.
  mutating func release(_ parts: [Part], in pool: borrowing BufferPool) -> Bool {
    var untouched = true
    for part in parts {
      held.remove(part.buffer)
      untouched = untouched && isSame(part, in: pool)
    }
    return untouched
  }

  private func isSame(_ part: Part, in pool: borrowing BufferPool) -> Bool {
    let now = pool.bytes(part.buffer)
    guard pool.start(part.buffer) == part.start, now.count == part.bytes.count else { return false }
    return now.isEmpty || memcmp(now.baseAddress!, part.bytes, now.count) == 0
  }
}
