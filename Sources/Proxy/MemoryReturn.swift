internal import Basics
internal import Synchronization
internal import TLS

/// When memory that a peak has taken goes back to the kernel.
struct MemoryReturn {
  /// How long it must have been calm. A storm that goes on in waves keeps its memory.
  static let patience = Duration.seconds(2)
  /// Between two steps of a sweep over the buffers.
  static let step = Duration.milliseconds(5)
  /// Buffers without use that aren't worth a sweep, and sessions fewer than at the peak that aren't worth a return.
  static let buffersKept = 256
  static let sessionsKept = 64

  /// When the buffers are looked at next; nil while there is nothing to return.
  var nextSweep: MonotonicTime?
  /// OpenSSL's sessions at the peak since memory was last returned.
  var sessionsMax = 0
  /// When they will have been few for long enough; nil while they aren't few.
  var sessionsDue: MonotonicTime?

  /// When to turn for it.
  var nextLook: MonotonicTime? {
    guard let nextSweep, let sessionsDue else { return nextSweep ?? sessionsDue }
    return min(nextSweep, sessionsDue)
  }
}

extension Worker where Engine: ~Copyable {
  mutating func returnMemory() {
    sweepBuffers()
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
    guard let library = shared.library else { return }
    let count = library.sessionCount
    memory.sessionsMax = max(memory.sessionsMax, count)
    guard memory.sessionsMax - count >= MemoryReturn.sessionsKept, count <= memory.sessionsMax / 2 else {
      memory.sessionsDue = nil
      return
    }
    guard let due = memory.sessionsDue, due <= now else {
      if memory.sessionsDue == nil { memory.sessionsDue = now + MemoryReturn.patience }
      return
    }
    // A turn follows at once, and asks again.
    guard handshakes.isEmpty && refusedHandshakes.isEmpty else { return }
    library.giveBackKeptMemory()
    memory.sessionsMax = count
    memory.sessionsDue = nil
    shared.process.hasFreeMemory.store(true, ordering: .relaxed)
  }
}
