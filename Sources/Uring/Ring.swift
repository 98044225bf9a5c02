public import CUring
internal import Glibc

/// An io_uring of one thread: the queues, and a table of direct descriptors.
///
/// Made and used by one thread only (SINGLE_ISSUER): the kernel answers another with EEXIST. Completions are
/// posted only while that thread is in `enter` (DEFER_TASKRUN).
public struct Ring: ~Copyable {
  /// How big a ring is.
  public struct Size: Sendable {
    /// Operations prepared between two enters, a power of 2. More make an enter of their own.
    public var submissions = 512
    /// Completions that have room, a power of 2. What finds none is kept by the kernel, but ends multishots.
    public var completions = 4096
    /// Direct descriptors, at most RLIMIT_NOFILE. 0: no table.
    public var slots = 0
    /// How many of the first slots the kernel hands out to accepted sockets.
    public var acceptedSlots = 0
    public init() {}
  }

  /// What came of an operation.
  public struct Entry: Sendable {
    public var userData: UInt64
    /// -errno when it failed.
    public var result: Int32
    public var flags: UInt32

    @inlinable public init(userData: UInt64, result: Int32, flags: UInt32) {
      self.userData = userData
      self.result = result
      self.flags = flags
    }

    /// True exactly when the operation goes on and will post again.
    @inlinable public var more: Bool { flags & 2 != 0 }
    /// True exactly when a socket has more to receive, or clients to accept (these since Linux 6.10).
    @inlinable public var hasMoreToRead: Bool { flags & 4 != 0 }
    /// The provided buffer that was filled.
    @inlinable public var buffer: UInt16? { flags & 1 != 0 ? UInt16(truncatingIfNeeded: flags >> 16) : nil }
  }

  @usableFromInline let raw: UnsafeMutablePointer<io_uring>
  @usableFromInline let operands: UnsafeMutablePointer<curing_operand>
  /// The completion to look at next, and the end of those known of.
  @usableFromInline var head: UInt32
  @usableFromInline var tail: UInt32
  /// Enters that were needed because the submission queue was full.
  public internal(set) var fullCount: UInt64 = 0
  /// Times that the kernel was out of memory for a completion without room, and lost it.
  public internal(set) var lostCount: UInt64 = 0

  public init(_ size: Size) throws(RingError) {
    raw = try Self.open(size)
    let count = Int(raw.pointee.sq.ring_entries)
    operands = .allocate(capacity: count)
    operands.initialize(repeating: curing_operand(), count: count)
    head = curing_completion_head(raw)
    tail = head
  }

  deinit {
    io_uring_queue_exit(raw)
    raw.deallocate()
    operands.deallocate()
  }

  private static func open(_ size: Size) throws(RingError) -> UnsafeMutablePointer<io_uring> {
    let raw = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
    raw.initialize(to: io_uring())
    var parameters = io_uring_params()
    parameters.flags = curing_setup_flags
    parameters.cq_entries = UInt32(size.completions)
    let result = io_uring_queue_init_params(UInt32(size.submissions), raw, &parameters)
    guard result >= 0 else {
      raw.deallocate()
      throw .of("io_uring_setup", result: result, needing: .deferredWork)
    }
    do {
      try prepare(raw, size)
    } catch {
      io_uring_queue_exit(raw)
      raw.deallocate()
      throw error
    }
    return raw
  }

  private static func prepare(_ raw: UnsafeMutablePointer<io_uring>, _ size: Size) throws(RingError) {
    guard raw.pointee.features & curing_needed_features == curing_needed_features else {
      throw .missing(.deferredWork, running: kernelRelease())
    }
    try probe(raw)
    curing_identity(raw)
    // Saves a look-up of the descriptor at each enter. A thread has 16 of these; others do without.
    _ = io_uring_register_ring_fd(raw)
    guard size.slots > 0 else { return }
    let table = io_uring_register_files_sparse(raw, UInt32(size.slots))
    guard table >= 0 else {
      throw .of("registering \(size.slots) slots", result: table, needing: .sparseTable)
    }
    let range = io_uring_register_file_alloc_range(raw, 0, UInt32(size.acceptedSlots))
    guard range >= 0 else {
      throw .of("IORING_REGISTER_FILE_ALLOC_RANGE", result: range, needing: .allocationRange)
    }
  }

  private static func probe(_ raw: UnsafeMutablePointer<io_uring>) throws(RingError) {
    guard let probe = io_uring_get_probe_ring(raw) else {
      throw .missing(Feature.operations[0], running: kernelRelease())
    }
    defer { io_uring_free_probe(probe) }
    if let missing = Feature.firstMissing(where: { io_uring_opcode_supported(probe, Int32($0)) != 0 }) {
      throw .missing(missing, running: kernelRelease())
    }
  }

  /// True exactly when the kernel knows a wait's window: Linux 6.12.
  public var hasWindow: Bool { raw.pointee.features & curing_feature_window != 0 }

  /// Has the kernel signal an eventfd when the ring gets work, while `setSignalling(true)`.
  public func register(eventDescriptor: Int32) throws(RingError) {
    let result = io_uring_register_eventfd(raw, eventDescriptor)
    guard result >= 0 else { throw .system(call: "IORING_REGISTER_EVENTFD", errno: -result) }
    setSignalling(false)
  }

  /// Nothing that happens after this returns goes unsignalled.
  public func setSignalling(_ enabled: Bool) { curing_set_eventfd(raw, enabled) }
}
