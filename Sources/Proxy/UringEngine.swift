public import Basics
internal import Glibc
internal import Uring

/// Why an engine can't be made.
public struct EngineError: Error, Hashable, Sendable, CustomStringConvertible {
  public var description: String
}

/// The real engine: io_uring.
///
/// A worker's engine has one ring, or more when its connections need more direct descriptors than one ring's
/// table may have (RLIMIT_NOFILE): then the first ring is waited on, and an eventfd tells it of the others' work.
/// A `SocketHandle` is ring(8) | slot(24). A connection's two sockets are on the same ring.
///
/// Made on the thread that uses it, and ended there.
///
/// What the worker must know besides the protocol's rules:
/// - `close` doesn't end what is in flight: an armed receive would keep the socket open and receiving. Cancel the
///   receive (or shut the socket down and wait for its end) before closing.
/// - A receive that ends with result 0 after a send has failed was ended by a reset, not by a FIN.
/// - A receive that ends with -ENOBUFS is armed anew once `hasReceiveBuffers`, not before.
/// - Once `accept` has completed without `more`, nothing is accepted until `resumeAccepting`.
public struct UringEngine: ~Copyable, IOEngine {
  public var buffers: BufferPool
  public let connectionCapacity: Int
  public internal(set) var now: MonotonicTime
  public internal(set) var peerAddress: Endpoint?
  public internal(set) var localAddress: Endpoint?
  public let ringCount: Int

  /// Times that a ring stopped accepting because its table had no slot left.
  public internal(set) var acceptPauses: UInt64 = 0
  /// Clients that were accepted and dropped because the table was full. Never, as long as we count well.
  public internal(set) var acceptOverruns: UInt64 = 0

  /// The rings, `ringCount` of them.
  let members: UnsafeMutablePointer<RingMember>
  /// The ring whose completions are looked at.
  var current = 0
  /// Listener by listener, `ringCount` of each.
  var acceptors: [Acceptor] = []
  /// True exactly when an acceptor may have to be armed or cancelled.
  var acceptorsChanged = false
  /// Where the connection without a ring of its own goes next.
  var nextRing = 0

  let wakeDescriptor: Int32
  /// Signalled by the kernel when a ring but the first has work; -1 with one ring.
  let ringsDescriptor: Int32
  /// True exactly while the first ring reads that.
  var areRingsArmed = false
  /// Where the kernel puts eventfds' counts, which nobody looks at: the worker's, and the rings'.
  let eventCounts = UnsafeMutablePointer<UInt64>.allocate(capacity: 2)
  /// Buffers that each ring keeps for receives.
  let receiveTarget: Int
  /// Bytes after which a multishot receive ends by itself, so that a sender can't overrun a water mark by more.
  /// 0 where the kernel can't do that: there every receive is a single one.
  let multishotLimit: UInt32 = Ring.boundsMultishotReceives() ? 131072 : 0
  /// True exactly when a wait may be for a batch.
  let hasWindow: Bool
  let acceptsWithoutAttempt = Ring.acceptsWithoutAttempt()
  /// Buffers of the pool that receives leave for others.
  let receiveReserve: Int

  /// What belongs to a ring.
  struct RingMember: ~Copyable {
    var ring: Ring
    var provided: BufferRing
    var table: DescriptorTable
    /// Operations begun since the last wait that complete at once and that nothing waits for.
    var quiet = 0
    /// Accepts that are armed: each may take a slot.
    var armedAccepts = 0
    /// True exactly while accepting has stopped for want of slots.
    var isFull = false
  }

  /// - Parameters:
  ///   - connections: how many to have sockets for.
  ///   - bufferCount: buffers of the pool, 16 at least.
  ///   - wakeDescriptor: an eventfd that wakes the worker; each write to it completes `Operation.wake` at
  ///     least once. Becomes a blocking one. -1: none.
  public init(connections: Int, bufferCount: Int, wakeDescriptor: Int32) throws(EngineError) {
    try self.init(
      layout: Layout(connections: connections), bufferCount: bufferCount, wakeDescriptor: wakeDescriptor)
  }

  init(layout: Layout, bufferCount: Int, wakeDescriptor: Int32) throws(EngineError) {
    precondition(bufferCount >= 16 && (1...255).contains(layout.ringCount))
    let rings = try Self.makeRings(layout, bufferCount: bufferCount)
    members = rings.members
    hasWindow = members[0].ring.hasWindow
    ringsDescriptor = rings.descriptor
    buffers = BufferPool(count: bufferCount)
    connectionCapacity = layout.connections
    ringCount = layout.ringCount
    self.wakeDescriptor = wakeDescriptor
    // Each ring goes through all of its buffers in turn, so all of them become resident.
    let share = max(64, 2 * Self.receiveTargetMax / layout.ringCount)
    receiveTarget = min(Self.receiveTargetMax, share, max(1, bufferCount / 2 / layout.ringCount))
    receiveReserve = min(64, bufferCount / 8)
    eventCounts.initialize(repeating: 0, count: 2)
    now = Self.clock()
    if wakeDescriptor >= 0 { EventDescriptor.makeBlocking(wakeDescriptor) }
    armWake()
  }

  deinit {
    // The rings first: the kernel must have let go of buffers and memory before these go.
    members.deinitialize(count: ringCount)
    members.deallocate()
    for acceptor in acceptors { acceptor.deallocate() }
    eventCounts.deallocate()
    if ringsDescriptor >= 0 { Glibc.close(ringsDescriptor) }
  }

  /// A provided-buffer ring's size: more would cost cache misses, and gain nothing.
  static let receiveTargetMax = 256

  private static func makeRings(
    _ layout: Layout, bufferCount: Int
  ) throws(EngineError) -> (members: UnsafeMutablePointer<RingMember>, descriptor: Int32) {
    var descriptor: Int32 = -1
    do throws(RingError) {
      if layout.ringCount > 1 { descriptor = try EventDescriptor.make() }
      return (try makeMembers(layout, bufferCount: bufferCount, descriptor), descriptor)
    } catch {
      if descriptor >= 0 { Glibc.close(descriptor) }
      throw EngineError(description: error.description)
    }
  }

  private static func makeMembers(
    _ layout: Layout, bufferCount: Int, _ ringsDescriptor: Int32
  ) throws(RingError) -> UnsafeMutablePointer<RingMember> {
    let members = UnsafeMutablePointer<RingMember>.allocate(capacity: layout.ringCount)
    var made = 0
    do throws(RingError) {
      while made < layout.ringCount {
        let member = try makeMember(layout, bufferCount: bufferCount, made == 0 ? -1 : ringsDescriptor)
        (members + made).initialize(to: member)
        made += 1
      }
    } catch {
      members.deinitialize(count: made)
      members.deallocate()
      throw error
    }
    return members
  }

  private static func makeMember(
    _ layout: Layout, bufferCount: Int, _ ringsDescriptor: Int32
  ) throws(RingError) -> RingMember {
    var size = layout.size
    size.slots = layout.acceptedSlots + layout.outgoingSlots
    size.acceptedSlots = layout.acceptedSlots
    let ring = try Ring(size)
    if ringsDescriptor >= 0 { try ring.register(eventDescriptor: ringsDescriptor) }
    let provided = try BufferRing(on: ring, capacity: receiveTargetMax, poolCount: bufferCount)
    let table = DescriptorTable(
      acceptedCapacity: layout.acceptedSlots, outgoingCapacity: layout.outgoingSlots)
    return RingMember(ring: ring, provided: provided, table: table)
  }
}
