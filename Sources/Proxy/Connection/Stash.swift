internal import Basics
internal import Policy

/// A client's few bytes, put away while it waits or owes the rest of a record: a buffer of 16 KiB for each of
/// thousands would leave none for those that live.
struct Stash {
  private var memory: UnsafeMutableRawPointer?
  private(set) var count = 0

  var isEmpty: Bool { memory == nil }

  /// Copies bytes; there must be some, and nothing stashed.
  mutating func put(_ bytes: UnsafeMutableRawBufferPointer) {
    assert(isEmpty && !bytes.isEmpty)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 1)
    memory.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    self.memory = memory
    count = bytes.count
  }

  /// Moves the bytes to a buffer, as its payload.
  mutating func take(into buffer: BufferID, of pool: inout BufferPool) {
    guard let memory else { return }
    (pool.base(buffer) + BufferPool.headRoom).copyMemory(from: memory, byteCount: count)
    pool.setPayload(buffer, start: BufferPool.headRoom, count: count)
    drop()
  }

  mutating func drop() {
    memory?.deallocate()
    memory = nil
    count = 0
  }
}

extension Worker where Engine: ~Copyable {
  /// Waiting connections of a worker that may keep their buffers: fewer aren't worth the copy.
  static var buffersForWaiting: Int { 64 }

  /// Gives the buffer of a connection back that will wait for a while.
  mutating func stashFirst(_ c: ConnectionPointer) {
    guard admission.waitingCount > Self.buffersForWaiting,
      let buffer = c.pointee.client.received.removeFirst(in: engine.buffers)
    else { return }
    c.pointee.stash.put(engine.buffers.bytes(buffer))
    engine.buffers.give(buffer)
  }

  /// The longest beginning of a record that is put away. Whoever wants to hold buffers has to send more.
  static var cutRecordStash: Int { 4096 }

  /// Gives the buffer of a record back that isn't whole, when buffers are scarce. While there are plenty the
  /// copy isn't worth it: a bulk transfer cuts a record at each buffer's end.
  mutating func stashCutRecord(_ c: ConnectionPointer) {
    guard engine.buffers.freeCount < engine.buffers.count / 4,
      c.pointee.client.received.byteCount <= Self.cutRecordStash,
      let buffer = c.pointee.client.received.removeFirst(in: engine.buffers)
    else { return }
    assert(c.pointee.client.received.isEmpty, "a record that isn't whole has been gathered")
    c.pointee.stash.put(engine.buffers.bytes(buffer))
    engine.buffers.give(buffer)
  }

  /// Takes the bytes out again. False when there is no buffer for them.
  mutating func unstash(_ c: ConnectionPointer) -> Bool {
    guard !c.pointee.stash.isEmpty else { return true }
    guard let buffer = engine.buffers.take() else { return false }
    c.pointee.stash.take(into: buffer, of: &engine.buffers)
    c.pointee.client.received.prepend(buffer, in: &engine.buffers)
    return true
  }
}
