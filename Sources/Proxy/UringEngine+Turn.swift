public import Basics
internal import Glibc
public import Policy
internal import Uring

extension UringEngine {
  /// The engine's own operations: first bytes of tokens that no `Operation` has.
  enum Internal: UInt64 {
    /// Nothing is done about these.
    case ignored = 0
    /// The token's slot index is the socket; the worker's token is the table's note.
    case close = 0xf1
    case shutdown = 0xf2
    /// A ring but the first has work.
    case rings = 0xf3

    func token(_ socket: SocketHandle) -> UInt64 { rawValue << 56 | UInt64(socket.rawValue) }
  }

  /// True exactly when a receive armed now finds buffers: at least a few for each ring.
  public var hasReceiveBuffers: Bool {
    let few = min(4, receiveTarget)
    var missing = 0
    for ring in 0..<ringCount { missing += max(0, few - members[ring].provided.count) }
    return missing == 0 || buffers.freeCount >= missing + receiveReserve
  }

  public mutating func submitAndWait(until deadline: MonotonicTime?, for batch: CompletionCoalescing.Batch?) {
    if acceptorsChanged { armAcceptors() }
    for ring in 0..<ringCount {
      members[ring].provided.refill(from: &buffers, target: receiveTarget, reserve: receiveReserve)
      members[ring].ring.releaseEntries()
    }
    let wait = waiting(until: deadline)
    let batch = hasWindow ? batch : nil
    if !enterOthers(batch) && wait.wait {
      waitForAll(wait.nanoseconds, batch)
    } else {
      enterIfNeeded(0)
    }
    for ring in 0..<ringCount {
      members[ring].ring.findEntries()
      members[ring].quiet = 0
    }
    current = 0
    now = Self.clock()
  }

  public mutating func submit() {
    for ring in 0..<ringCount { members[ring].ring.submit() }
  }

  public var hasArrivals: Bool {
    for ring in 0..<ringCount where members[ring].ring.hasWork { return true }
    return false
  }

  /// Whether to wait, and how long at most.
  private func waiting(until deadline: MonotonicTime?) -> (wait: Bool, nanoseconds: UInt64?) {
    guard let deadline, deadline != .distantFuture else { return (true, nil) }
    // `now` is a turn old, so it can only say that the deadline is past.
    guard deadline > now else { return (false, nil) }
    let time = Self.clock()
    return deadline > time ? (true, deadline.nanoseconds - time.nanoseconds) : (false, nil)
  }

  /// Hands over and fetches on all rings but the first. True exactly when that brought something to look at.
  private mutating func enterOthers(_ batch: CompletionCoalescing.Batch?) -> Bool {
    var isReady = false
    for ring in 1..<ringCount {
      enterIfNeeded(ring)
      if endsWait(ring, batch) { isReady = true }
    }
    return isReady
  }

  /// Whether something has come on a ring that is to be looked at now.
  private func endsWait(_ ring: Int, _ batch: CompletionCoalescing.Batch?) -> Bool {
    members[ring].ring.hasWork || members[ring].ring.entryCount > (batch == nil ? 0 : members[ring].quiet)
  }

  /// Waits on the first ring, while the others signal what comes. What had come before they did isn't signalled:
  /// then there is no wait.
  private mutating func waitForAll(_ nanoseconds: UInt64?, _ batch: CompletionCoalescing.Batch?) {
    var isReady = false
    var quiet = 0
    for ring in 1..<ringCount {
      members[ring].ring.setSignalling(true)
      if endsWait(ring, batch) { isReady = true }
      quiet += members[ring].quiet
    }
    if ringCount > 1 && !areRingsArmed { armRings() }
    if isReady {
      members[0].ring.enter(waitFor: 0, nanoseconds: nanoseconds)
    } else if let batch, batch.count > 1 || quiet + members[0].quiet > 0 {
      wait(for: batch, nanoseconds, quietElsewhere: quiet > 0)
    } else {
      members[0].ring.enter(waitFor: 1, nanoseconds: nanoseconds)
    }
    for ring in 1..<ringCount {
      members[ring].ring.setSignalling(false)
      enterIfNeeded(ring)
    }
  }

  /// Waits for a batch, and for the quiet operations' completions besides. Of other rings only the first completion is
  /// signalled: there is no waiting for a handful then.
  private mutating func wait(
    for batch: CompletionCoalescing.Batch, _ nanoseconds: UInt64?, quietElsewhere: Bool
  ) {
    let window = min(batch.window.clampedNanoseconds, nanoseconds ?? .max)
    let count = batch.isHandful && ringCount > 1 ? 1 : batch.count
    members[0].ring.enter(
      waitFor: UInt32(clamping: count + members[0].quiet), window: UInt32(clamping: window / 1000),
      nanoseconds: quietElsewhere ? window : nanoseconds)
  }

  private mutating func enterIfNeeded(_ ring: Int) {
    guard members[ring].ring.pendingCount > 0 || members[ring].ring.hasWork else { return }
    members[ring].ring.enter(waitFor: 0, nanoseconds: nil)
  }

  public mutating func nextCompletion() -> Completion? {
    while true {
      guard let entry = members[current].ring.nextEntry() else {
        if current + 1 == ringCount { return nil }
        current += 1
        continue
      }
      if let completion = completion(of: entry) { return completion }
    }
  }

  /// Nil when the worker has nothing to do with it.
  private mutating func completion(of entry: Ring.Entry) -> Completion? {
    let token = CompletionToken(rawValue: entry.userData)
    switch token.operation {
    case Operation.clientReceive.rawValue, Operation.backendReceive.rawValue: return received(entry, token)
    case Operation.accept.rawValue: return acceptCompletion(entry, token)
    case Operation.clientAddress.rawValue: return addressFound(entry, token)
    case Operation.wake.rawValue:
      armWake()
      return Completion(token: token, result: 0, more: true)
    case UInt8(Internal.ignored.rawValue): return nil
    case UInt8(Internal.close.rawValue): return closed(entry)
    case UInt8(Internal.shutdown.rawValue): return shutDown(entry)
    case UInt8(Internal.rings.rawValue):
      areRingsArmed = false
      return nil
    default: return Completion(token: token, result: entry.result, more: entry.more)
    }
  }

  private mutating func received(_ entry: Ring.Entry, _ token: CompletionToken) -> Completion {
    guard let number = entry.buffer else {
      return Completion(token: token, result: entry.result, more: entry.more)
    }
    let buffer = members[current].provided.take(number)
    guard entry.result > 0 else {
      buffers.give(buffer)
      return Completion(token: token, result: entry.result, more: entry.more)
    }
    buffers.setPayload(buffer, start: BufferPool.headRoom, count: Int(entry.result))
    return Completion(
      token: token, result: entry.result, buffer: buffer, more: entry.more,
      isFollowed: entry.more && entry.hasMoreToRead)
  }

  private mutating func closed(_ entry: Ring.Entry) -> Completion? {
    let slot = SocketHandle(rawValue: UInt32(truncatingIfNeeded: entry.userData)).slot
    let token = CompletionToken(rawValue: members[current].table[note: slot])
    members[current].table.release(slot)
    // Accepts may have been waiting for a slot.
    if members[current].table.acceptedFree <= Places.capacity * acceptors.count { acceptorsChanged = true }
    // A socket that couldn't be opened is closed all the same.
    assert(entry.result == 0 || entry.result == -EBADF)
    return token.operation == 0 ? nil : Completion(token: token, result: 0)
  }

  private mutating func shutDown(_ entry: Ring.Entry) -> Completion? {
    let slot = SocketHandle(rawValue: UInt32(truncatingIfNeeded: entry.userData)).slot
    let token = members[current].table[note: slot]
    guard entry.result >= 0 else {
      // No ordinary descriptor is left: the kernel's operation needs none.
      members[current].ring.shutdown(slot, userData: token)
      return nil
    }
    let result = Glibc.shutdown(entry.result, Int32(SHUT_WR)) == 0 ? 0 : -errno
    Glibc.close(entry.result)
    return Completion(token: CompletionToken(rawValue: token), result: result)
  }

  /// The socket has an ordinary descriptor for a moment, if one was left.
  private mutating func addressFound(_ entry: Ring.Entry, _ token: CompletionToken) -> Completion {
    localAddress = nil
    if entry.result >= 0 {
      localAddress = Socket.boundEndpoint(of: entry.result)
      Glibc.close(entry.result)
    }
    return Completion(token: token, result: min(0, entry.result))
  }

  mutating func armWake() {
    guard wakeDescriptor >= 0 else { return }
    let bytes = UnsafeMutableRawBufferPointer(start: eventCounts, count: 8)
    let token = CompletionToken(operation: Operation.wake.rawValue, slot: SlotID(index: 0, generation: 0))
    members[0].ring.read(wakeDescriptor, into: bytes, userData: token.rawValue)
  }

  private mutating func armRings() {
    areRingsArmed = true
    let bytes = UnsafeMutableRawBufferPointer(start: eventCounts + 1, count: 8)
    members[0].ring.read(ringsDescriptor, into: bytes, userData: Internal.rings.rawValue << 56)
  }

  public func readClock() -> MonotonicTime { Self.clock() }

  /// A system call, unlike the other clock.
  public func readWorkClock() -> UInt64 { Self.read(CLOCK_THREAD_CPUTIME_ID) }

  static func clock() -> MonotonicTime { MonotonicTime(nanoseconds: read(CLOCK_MONOTONIC)) }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
