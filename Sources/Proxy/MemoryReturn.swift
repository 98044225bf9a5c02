internal import Basics
internal import Synchronization
internal import TLS

/// When memory that a peak has taken goes back to the kernel.
struct MemoryReturn {
  /// How long it must have been calm. A storm that goes on in waves keeps its memory.
  static let patience = Duration.seconds(2)
  /// Between two steps of a sweep over the buffers.
  static let step = Duration.milliseconds(5)
  /// Buffers without use that aren't worth a sweep.
  static let buffersKept = 256

  /// When the buffers are looked at next; nil while there is nothing to return.
  var nextSweep: MonotonicTime?
  /// Each of OpenSSL's sessions takes some 34 KiB.
  var sessions = Decline(from: 64)
  var slots = Decline(from: 1024)

  /// When to turn for it.
  var nextLook: MonotonicTime? { [nextSweep, sessions.due, slots.due].compactMap(\.self).min() }
}

/// A number that was high and has become low, and whether it stays so.
struct Decline {
  /// By how much it must have fallen to be worth anything.
  let least: Int
  /// The peak since memory was last returned.
  private(set) var max = 0
  /// When it will have been low for long enough; nil while it isn't low.
  private(set) var due: MonotonicTime?

  init(from least: Int) { self.least = least }

  /// True exactly when it has fallen by half at least, and been low long enough.
  mutating func isDue(_ count: Int, now: MonotonicTime) -> Bool {
    max = Swift.max(max, count)
    guard max - count >= least, count <= max / 2 else {
      due = nil
      return false
    }
    if due == nil { due = now + MemoryReturn.patience }
    return due! <= now
  }

  /// A step has been made; another is due.
  mutating func goOn(now: MonotonicTime) { due = now + MemoryReturn.step }

  /// What a peak of before has taken is returned.
  mutating func end(_ count: Int) { (max, due) = (count, nil) }
}

extension Worker where Engine: ~Copyable {
  mutating func returnMemory() {
    sweepBuffers()
    sweepSlots()
    returnSessions()
  }

  private mutating func sweepBuffers() {
    guard engine.buffers.unusedCount > MemoryReturn.buffersKept else {
      memory.nextSweep = nil
      return
    }
    guard let due = memory.nextSweep, due <= now else {
      if memory.nextSweep == nil { memory.nextSweep = now + MemoryReturn.patience }
      return
    }
    let isThrough = engine.buffers.giveBackUnused()
    memory.nextSweep = now + (isThrough ? MemoryReturn.patience : MemoryReturn.step)
  }

  /// What freed sessions leave is spread over malloc's memory, and only the process as a whole can return it: the
  /// control plane does, as that takes milliseconds.
  private mutating func returnSessions() {
    guard let library = shared.library, memory.sessions.isDue(library.sessionCount, now: now) else { return }
    // Another turn follows at once, and asks again.
    guard handshakes.isEmpty && refusedHandshakes.isEmpty else { return }
    library.giveBackKeptMemory()
    memory.sessions.end(library.sessionCount)
    shared.process.hasFreeMemory.store(true, ordering: .relaxed)
  }

  private mutating func sweepSlots() {
    guard memory.slots.isDue(connections.count, now: now) else { return }
    if connections.giveBackUnused() {
      memory.slots.end(connections.count)
    } else {
      memory.slots.goOn(now: now)
    }
  }
}
