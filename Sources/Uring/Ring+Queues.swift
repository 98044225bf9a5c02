public import CUring
internal import Glibc

extension Ring {
  /// Operations prepared that the kernel hasn't got yet.
  @inlinable public var pendingCount: Int { Int(curing_pending(raw)) }

  /// True exactly when an enter would bring something: work to run, or completions that had no room.
  @inlinable public var hasWork: Bool { curing_has_work(raw) }

  /// True exactly when completions wait in the kernel because they have no room.
  public var hasOverflowed: Bool { curing_overflowed(raw) }

  /// Makes room for `count` operations that belong together: the links of a chain must reach the kernel in
  /// one enter.
  @inlinable public mutating func reserve(_ count: UInt32) {
    if curing_space(raw) < count { submitFull() }
    assert(curing_space(raw) >= count)
  }

  /// Hands what is prepared to the kernel, as far as it takes it now; neither runs work nor waits.
  public mutating func submit() {
    if pendingCount > 0 { _ = curing_enter(raw, 0, false, 0, .max) }
  }

  /// Hands all that is prepared to the kernel, whatever it takes.
  @usableFromInline mutating func submitFull() {
    fullCount += 1
    // A failure for want of memory passes; one that doesn't would be the end of the worker in any case.
    for _ in 0..<1000 {
      let result = curing_enter(raw, 0, false, 0, .max)
      if curing_pending(raw) == 0 { return }
      precondition(result != -EEXIST, "the ring is used by a thread that isn't its own")
      // Not by yielding: at a real-time priority that lets hardly anybody ahead.
      if result < 0 { usleep(100) }
    }
    preconditionFailure("the kernel takes no more operations")
  }

  /// Hands what is prepared to the kernel, runs the ring's work, and waits for completions.
  /// - Parameters:
  ///   - count: how many to wait for.
  ///   - window: microseconds after which one is enough, where `hasWindow`; 0: none.
  ///   - nanoseconds: how long to wait at most; nil: as long as it takes.
  public mutating func enter(waitFor count: UInt32, window: UInt32 = 0, nanoseconds: UInt64?) {
    let result = curing_enter(raw, count, true, window, nanoseconds ?? .max)
    guard result < 0 else { return }
    switch -result {
    case ETIME, EINTR, EAGAIN, EBUSY, ENOMEM: return  // What wasn't taken is handed over the next time.
    case EBADR: lostCount += 1
    default: preconditionFailure("io_uring_enter: \(String(cString: strerror(-result)))")
    }
  }

  /// Gives the places of the completions that were looked at back to the kernel.
  @inlinable public mutating func releaseEntries() { curing_release(raw, head) }

  /// Looks which completions have come.
  @inlinable public mutating func findEntries() { tail = curing_completion_tail(raw) }

  @inlinable public var hasEntries: Bool { entryCount > 0 }

  /// Completions that have come and haven't been looked at.
  @inlinable public var entryCount: Int { Int(curing_completion_tail(raw) &- head) }

  /// True exactly when there is something to look at, or an enter would bring it.
  @inlinable public var isReady: Bool { hasEntries || hasWork }

  /// The next completion of those found.
  @inlinable public mutating func nextEntry() -> Entry? {
    guard head != tail else { return nil }
    let entry = raw.pointee.cq.cqes + Int(head & raw.pointee.cq.ring_mask)
    head &+= 1
    return Entry(userData: entry.pointee.user_data, result: entry.pointee.res, flags: entry.pointee.flags)
  }
}
