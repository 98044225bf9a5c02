internal import Basics
internal import Glibc
internal import Uring

extension UringEngine {
  /// A listening socket on one of the rings.
  ///
  /// With plenty of free slots it accepts by a multishot. One enter may then accept as many clients as wait; so
  /// when slots get scarce, it goes over to accepts of one client each, never more than there are slots: the
  /// table never runs full, which would drop a client.
  struct Acceptor {
    var descriptor: Int32
    /// Changes with each listener that has this index: completions for one before it are recognised.
    var generation: UInt32
    /// True exactly when the worker wants clients.
    var isWanted: Bool
    /// True exactly while a multishot is armed.
    var hasMultishot = false
    /// Accepts of one client each that are armed.
    var singleCount = 0
    /// True exactly while what is armed is being cancelled. Nothing is armed until all of it has ended: the
    /// kernel may still wake a cancelled accept for a client, of whom the others wouldn't be told then.
    var isCancelled = false

    var isArmed: Bool { hasMultishot || singleCount > 0 }

    static let singleCountMax = 64
  }

  public mutating func startAccepting(listener: UInt32, descriptors: [Int32]) {
    precondition(descriptors.count == ringCount, "a listener has a descriptor per ring")
    let first = Int(listener) * ringCount
    while acceptors.count < first + ringCount {
      acceptors.append(Acceptor(descriptor: -1, generation: 0, isWanted: false))
    }
    for ring in 0..<ringCount {
      precondition(acceptors[first + ring].descriptor < 0, "listener \(listener) started twice")
      let generation = acceptors[first + ring].generation
      acceptors[first + ring] = Acceptor(
        descriptor: descriptors[ring], generation: generation, isWanted: true)
    }
    acceptorsChanged = true
  }

  public mutating func pauseAccepting(listener: UInt32) {
    for ring in 0..<ringCount {
      let index = Int(listener) * ringCount + ring
      acceptors[index].isWanted = false
      cancelAccepts(index)
    }
  }

  public mutating func resumeAccepting(listener: UInt32) {
    for ring in 0..<ringCount { acceptors[Int(listener) * ringCount + ring].isWanted = true }
    acceptorsChanged = true
  }

  /// Clients that the kernel has already accepted by then are reset.
  public mutating func stopAccepting(listener: UInt32) {
    pauseAccepting(listener: listener)
    for ring in 0..<ringCount {
      let index = Int(listener) * ringCount + ring
      Glibc.close(acceptors[index].descriptor)
      acceptors[index] = Acceptor(
        descriptor: -1, generation: (acceptors[index].generation + 1) & 0x7f_ffff, isWanted: false)
    }
  }

  /// operation(8) | multishot(1) | generation(23) | listener(32)
  private func acceptToken(_ index: Int, multishot: Bool) -> UInt64 {
    let generation = acceptors[index].generation | (multishot ? 1 << 23 : 0)
    let slot = SlotID(index: UInt32(index / ringCount), generation: generation)
    return CompletionToken(operation: Operation.accept.rawValue, slot: slot).rawValue
  }

  private mutating func cancelAccepts(_ index: Int) {
    guard acceptors[index].isArmed, !acceptors[index].isCancelled else { return }
    acceptors[index].isCancelled = true
    let ignored = Internal.ignored.rawValue << 56
    if acceptors[index].hasMultishot {
      members[index % ringCount].ring.cancel(acceptToken(index, multishot: true), userData: ignored)
    }
    if acceptors[index].singleCount > 0 {
      members[index % ringCount].ring.cancel(acceptToken(index, multishot: false), userData: ignored)
    }
  }

  /// Arms what is wanted and not armed, as far as there are slots.
  mutating func armAcceptors() {
    acceptorsChanged = false
    for index in acceptors.indices where acceptors[index].isWanted { arm(index) }
    for ring in 0..<ringCount { noteFull(ring) }
  }

  private mutating func arm(_ index: Int) {
    guard !acceptors[index].isCancelled else { return }
    let free = members[index % ringCount].table.acceptedFree
    if free >= acceptReserve {
      if !acceptors[index].hasMultishot { armMultishot(index) }
    } else if acceptors[index].hasMultishot {
      cancelAccepts(index)
    } else {
      armSingles(index, free: free)
    }
  }

  private mutating func armMultishot(_ index: Int) {
    acceptors[index].hasMultishot = true
    members[index % ringCount].ring.accept(
      from: acceptors[index].descriptor, multishot: true, userData: acceptToken(index, multishot: true))
  }

  private mutating func armSingles(_ index: Int, free: Int) {
    let ring = index % ringCount
    // Not all to the first listener, which may be an idle one.
    let share = min(Acceptor.singleCountMax, max(1, free * ringCount / (4 * acceptors.count)))
    while acceptors[index].singleCount < share, members[ring].singleCount < free {
      acceptors[index].singleCount += 1
      members[ring].singleCount += 1
      members[ring].ring.accept(
        from: acceptors[index].descriptor, multishot: false, userData: acceptToken(index, multishot: false))
    }
  }

  private mutating func noteFull(_ ring: Int) {
    let isFull = members[ring].table.acceptedFree == 0
    if isFull && !members[ring].isFull { acceptPauses += 1 }
    members[ring].isFull = isFull
  }

  /// An accept has completed; nil when that is no concern of the worker's.
  mutating func acceptCompletion(_ entry: Ring.Entry, _ token: CompletionToken) -> Completion? {
    acceptorsChanged = true
    let isMultishot = token.slot.generation >> 23 != 0
    let index = Int(token.slot.index) * ringCount + current
    if !isMultishot { members[current].singleCount -= 1 }
    guard acceptors[index].generation == token.slot.generation & 0x7f_ffff else {
      // The listener has been stopped.
      if entry.result >= 0 { refuse(accepted(UInt32(entry.result))) }
      return nil
    }
    noteEnd(index, isMultishot: isMultishot, entry)
    guard entry.result != -ECANCELED else { return nil }
    if entry.result == -ENFILE { acceptOverruns += 1 }
    let socket = entry.result >= 0 ? accepted(UInt32(entry.result)) : SocketHandle.none
    return Completion(
      token: CompletionToken(
        operation: token.operation, slot: SlotID(index: token.slot.index, generation: 0)),
      result: min(0, entry.result), socket: socket, more: acceptors[index].isWanted)
  }

  /// An accept of the listener's may have ended. If not because we wanted it, the worker has to resume.
  private mutating func noteEnd(_ index: Int, isMultishot: Bool, _ entry: Ring.Entry) {
    let hasEnded = !entry.more
    if hasEnded {
      if isMultishot { acceptors[index].hasMultishot = false } else { acceptors[index].singleCount -= 1 }
    }
    let isUnexpected = isMultishot && hasEnded || entry.result < 0
    if isUnexpected && !acceptors[index].isCancelled { acceptors[index].isWanted = false }
    if !acceptors[index].isArmed { acceptors[index].isCancelled = false }
  }

  private mutating func accepted(_ slot: UInt32) -> SocketHandle {
    members[current].table.noteAccepted(slot)
    return SocketHandle(ring: current, slot: slot)
  }

  private mutating func refuse(_ socket: SocketHandle) {
    close(socket, reset: true, CompletionToken(rawValue: Internal.ignored.token(socket)))
  }
}
