internal import Basics
internal import Glibc
internal import Uring

extension UringEngine {
  /// A listening socket on one of the rings.
  ///
  /// It accepts one client by each operation, and has only a few of these armed: what one enter may accept is
  /// bounded, so that a storm leaves time for live connections between, and never more than the table has slots
  /// for, since a client without one would be dropped. And each has its own place for the client's address.
  struct Acceptor {
    var descriptor: Int32 = -1
    /// Changes with each listener that has this index: completions for one before it are recognised.
    var generation: UInt32 = 0
    /// True exactly when the worker wants clients.
    var isWanted = false
    /// Accepts that are armed, by their places.
    var armed = Places()
    /// True exactly while what is armed is being cancelled. Nothing is armed until all of it has ended: the
    /// kernel may still wake a cancelled accept for a client, of whom the others wouldn't be told then.
    var isCancelled = false
    /// True exactly when nobody was behind the client accepted last.
    var isQueueEmpty = true
    /// Where the kernel writes the clients' addresses. Outlives the listener: what is armed ends later.
    let peers = UnsafeMutablePointer<SocketAddress>.allocate(capacity: Places.capacity)

    init() { peers.initialize(repeating: SocketAddress(), count: Places.capacity) }

    func deallocate() { peers.deallocate() }
  }

  /// How many clients of a listener a turn accepts at most, on all rings together (and one of each, where there are more
  /// rings): each costs some 15 us until it waits.
  private static let acceptsATurn = 4

  /// A few numbers, each taken or free.
  struct Places {
    static let capacity = 8
    private var taken: UInt8 = 0

    var count: Int { taken.nonzeroBitCount }
    var isEmpty: Bool { taken == 0 }

    mutating func take() -> Int {
      let place = (~taken).trailingZeroBitCount
      taken |= 1 << place
      return place
    }

    mutating func give(_ place: Int) { taken &= ~(1 << place) }
    func contains(_ place: Int) -> Bool { taken & 1 << place != 0 }
  }

  public mutating func startAccepting(listener: UInt32, descriptors: [Int32]) {
    precondition(descriptors.count == ringCount, "a listener has a descriptor per ring")
    let first = Int(listener) * ringCount
    while acceptors.count < first + ringCount { acceptors.append(Acceptor()) }
    for ring in 0..<ringCount {
      precondition(acceptors[first + ring].descriptor < 0, "listener \(listener) started twice")
      acceptors[first + ring].descriptor = descriptors[ring]
      acceptors[first + ring].isWanted = true
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
      acceptors[index].descriptor = -1
      acceptors[index].generation = (acceptors[index].generation + 1) & AcceptNote.generationMax
    }
  }

  /// What an accept's token tells beside its listener: the place of the address, and the listener's generation.
  private struct AcceptNote {
    static let generationMax: UInt32 = 0xf_ffff
    var place: Int
    var generation: UInt32

    init(place: Int, generation: UInt32) { (self.place, self.generation) = (place, generation) }
    init(_ bits: UInt32) { self.init(place: Int(bits >> 20), generation: bits & Self.generationMax) }
    var bits: UInt32 { UInt32(place) << 20 | generation }
  }

  /// operation(8) | place(4) | generation(20) | listener(32)
  private func acceptToken(_ index: Int, _ place: Int) -> UInt64 {
    let note = AcceptNote(place: place, generation: acceptors[index].generation)
    let slot = SlotID(index: UInt32(index / ringCount), generation: note.bits)
    return CompletionToken(operation: Operation.accept.rawValue, slot: slot).rawValue
  }

  private mutating func cancelAccepts(_ index: Int) {
    guard !acceptors[index].armed.isEmpty, !acceptors[index].isCancelled else { return }
    acceptors[index].isCancelled = true
    let ignored = Internal.ignored.rawValue << 56
    for place in 0..<Places.capacity where acceptors[index].armed.contains(place) {
      members[index % ringCount].ring.cancel(acceptToken(index, place), userData: ignored)
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
    let ring = index % ringCount
    let free = members[ring].table.acceptedFree
    // Not all to the first listener, which may be an idle one.
    let most = max(1, Self.acceptsATurn / ringCount)
    let share = min(most, max(1, free * ringCount / (4 * acceptors.count)))
    while acceptors[index].armed.count < share, members[ring].armedAccepts < free {
      let place = acceptors[index].armed.take()
      members[ring].armedAccepts += 1
      members[ring].ring.accept(
        from: acceptors[index].descriptor, peer: acceptors[index].peers + place,
        waits: acceptsWithoutAttempt && acceptors[index].isQueueEmpty, userData: acceptToken(index, place))
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
    let note = AcceptNote(token.slot.generation)
    let index = Int(token.slot.index) * ringCount + current
    members[current].armedAccepts -= 1
    acceptors[index].armed.give(note.place)
    defer { if acceptors[index].armed.isEmpty { acceptors[index].isCancelled = false } }
    guard acceptors[index].generation == note.generation else {
      // The listener has been stopped.
      if entry.result >= 0 { refuse(accepted(UInt32(entry.result))) }
      return nil
    }
    guard entry.result >= 0 else { return acceptFailed(index, token, entry.result) }
    peerAddress = acceptors[index].peers[note.place].endpoint
    acceptors[index].isQueueEmpty = !entry.hasMoreToRead
    let socket = accepted(UInt32(entry.result))
    return Completion(
      token: listenerToken(token), result: 0, socket: socket, more: acceptors[index].isWanted)
  }

  private mutating func acceptFailed(_ index: Int, _ token: CompletionToken, _ result: Int32) -> Completion? {
    guard result != -ECANCELED else { return nil }
    if result == -ENFILE { acceptOverruns += 1 }
    // The worker has to resume.
    if !acceptors[index].isCancelled { acceptors[index].isWanted = false }
    return Completion(token: listenerToken(token), result: result, more: acceptors[index].isWanted)
  }

  private func listenerToken(_ token: CompletionToken) -> CompletionToken {
    CompletionToken(operation: token.operation, slot: SlotID(index: token.slot.index, generation: 0))
  }

  private mutating func accepted(_ slot: UInt32) -> SocketHandle {
    members[current].table.noteAccepted(slot)
    return SocketHandle(ring: current, slot: slot)
  }

  private mutating func refuse(_ socket: SocketHandle) {
    close(socket, reset: true, CompletionToken(rawValue: Internal.ignored.token(socket)))
  }
}
