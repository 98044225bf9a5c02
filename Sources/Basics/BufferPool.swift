internal import Glibc

/// One of the pool's buffers.
public struct BufferID: Hashable, Sendable {
  public let rawValue: UInt16
  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
  /// No buffer.
  public static let none = BufferID(rawValue: .max)
  @inlinable public var isNone: Bool { rawValue == .max }
}

/// A worker's I/O buffers: equal in size, at fixed addresses (the kernel holds them), last in first out so
/// that few of them stay hot.
///
/// A buffer has *room* before and behind its payload area, in which a TLS record's header and tag are
/// written in place. Memory is reserved for `count` buffers and becomes resident as it is touched.
/// Each buffer carries its payload's place and a link, so that queues of buffers need no memory of their own.
public struct BufferPool: ~Copyable {
  /// Bytes of payload that a buffer holds.
  public static let payload = 16384
  /// Bytes before the payload area.
  public static let headRoom = 64
  /// Bytes behind the payload area.
  public static let tailRoom = 256
  public static let stride = headRoom + payload + tailRoom

  @usableFromInline struct Entry {
    @usableFromInline var start: UInt32
    @usableFromInline var count: UInt32
    @usableFromInline var next: BufferID
    /// True exactly while somebody owns the buffer: double frees are our bug, and are caught by it.
    @usableFromInline var isTaken: Bool
    /// When it was last in use; 0 when it has no memory.
    @usableFromInline var age: UInt8 = 0
  }

  @usableFromInline let memory: UnsafeMutableRawPointer
  @usableFromInline let entries: UnsafeMutablePointer<Entry>
  @usableFromInline var freeHead: BufferID
  /// Buffers from here on have never been used.
  @usableFromInline var untouched: Int
  public let count: Int
  public private(set) var takenCount = 0
  /// Buffers that have memory: used once, and not given back to the kernel since.
  public internal(set) var residentCount = 0
  /// What `BufferPool+Return.swift` goes by: the age that runs, and where its sweep has come to.
  var age: UInt8 = 1
  var sweepIndex = 0
  /// How often `take` found nothing.
  public private(set) var exhaustedCount: UInt64 = 0

  /// - Parameter count: how many buffers, from 1 to 65535.
  public init(count: Int) {
    precondition((1..<Int(UInt16.max)).contains(count))
    let bytes = count * Self.stride
    let map = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let map, map != MAP_FAILED else { fatalError("cannot reserve \(bytes) bytes for buffers") }
    memory = map
    entries = .allocate(capacity: count)
    entries.initialize(repeating: Entry(start: 0, count: 0, next: .none, isTaken: false), count: count)
    freeHead = .none
    untouched = 0
    self.count = count
  }

  deinit {
    munmap(memory, count * Self.stride)
    entries.deallocate()
  }

  public var freeCount: Int { count - takenCount }

  /// Hands out a buffer, empty, its payload starting behind the head room; nil when all are taken.
  public mutating func take() -> BufferID? {
    let id: BufferID
    if !freeHead.isNone {
      id = freeHead
      freeHead = entries[Int(id.rawValue)].next
    } else if untouched < count {
      id = BufferID(rawValue: UInt16(untouched))
      untouched += 1
    } else {
      exhaustedCount += 1
      return nil
    }
    let entry = entries + Int(id.rawValue)
    if entry.pointee.age == 0 { residentCount += 1 }
    entry.pointee = Entry(start: UInt32(Self.headRoom), count: 0, next: .none, isTaken: true, age: age)
    takenCount += 1
    return id
  }

  public mutating func give(_ id: BufferID) {
    let entry = entries + Int(id.rawValue)
    precondition(entry.pointee.isTaken, "buffer \(id.rawValue) given back twice")
    entry.pointee.isTaken = false
    entry.pointee.age = age
    entry.pointee.next = freeHead
    freeHead = id
    takenCount -= 1
  }

  /// The whole buffer, rooms included. Offsets of `start` count from here.
  @inlinable public func base(_ id: BufferID) -> UnsafeMutableRawPointer {
    memory + Int(id.rawValue) * Self.stride
  }

  /// The payload, as `start` and `count` have it.
  @inlinable public func bytes(_ id: BufferID) -> UnsafeMutableRawBufferPointer {
    let entry = entries[Int(id.rawValue)]
    return UnsafeMutableRawBufferPointer(start: base(id) + Int(entry.start), count: Int(entry.count))
  }

  @inlinable public func start(_ id: BufferID) -> Int { Int(entries[Int(id.rawValue)].start) }
  @inlinable public func count(_ id: BufferID) -> Int { Int(entries[Int(id.rawValue)].count) }
  @inlinable public func next(_ id: BufferID) -> BufferID { entries[Int(id.rawValue)].next }

  @inlinable public mutating func setNext(_ id: BufferID, _ next: BufferID) {
    entries[Int(id.rawValue)].next = next
  }

  /// Says where the payload lies now.
  @inlinable public mutating func setPayload(_ id: BufferID, start: Int, count: Int) {
    assert(start >= 0 && count >= 0 && start + count <= Self.stride)
    entries[Int(id.rawValue)].start = UInt32(truncatingIfNeeded: start)
    entries[Int(id.rawValue)].count = UInt32(truncatingIfNeeded: count)
  }

  /// Copies the first bytes of a buffer's payload behind another's. The caller has seen to it that they fit,
  /// rooms included.
  @inlinable public mutating func append(_ count: Int, of source: BufferID, to target: BufferID) {
    let (start, filled) = (self.start(target), self.count(target))
    assert(start + filled + count <= Self.stride && count <= self.count(source) && source != target)
    (base(target) + start + filled).copyMemory(from: base(source) + self.start(source), byteCount: count)
    setPayload(target, start: start, count: filled + count)
  }

  /// Bytes that can still be appended behind the payload without touching the tail room.
  @inlinable public func room(_ id: BufferID) -> Int {
    let entry = entries[Int(id.rawValue)]
    return max(0, Self.headRoom + Self.payload - Int(entry.start) - Int(entry.count))
  }
}

/// A first-in first-out queue of a pool's buffers, linked through the pool.
public struct BufferQueue {
  public private(set) var head = BufferID.none
  private var tail = BufferID.none
  public private(set) var bufferCount: UInt32 = 0
  public private(set) var byteCount: UInt32 = 0

  public init() {}

  @inlinable public var isEmpty: Bool { head.isNone }
  public var last: BufferID { tail }

  public mutating func append(_ id: BufferID, in pool: inout BufferPool) {
    pool.setNext(id, .none)
    if tail.isNone { head = id } else { pool.setNext(tail, id) }
    tail = id
    bufferCount += 1
    byteCount += UInt32(truncatingIfNeeded: pool.count(id))
  }

  public mutating func prepend(_ id: BufferID, in pool: inout BufferPool) {
    pool.setNext(id, head)
    head = id
    if tail.isNone { tail = id }
    bufferCount += 1
    byteCount += UInt32(truncatingIfNeeded: pool.count(id))
  }

  /// Takes the first buffer off the queue; the caller owns it.
  public mutating func removeFirst(in pool: borrowing BufferPool) -> BufferID? {
    guard !head.isNone else { return nil }
    let id = head
    head = pool.next(id)
    if head.isNone { tail = .none }
    bufferCount -= 1
    byteCount -= UInt32(truncatingIfNeeded: pool.count(id))
    return id
  }

  /// Says that the first bytes of the first buffer have been dealt with; the rest stays first.
  public mutating func consumeFirst(_ bytes: Int, in pool: inout BufferPool) {
    assert(!head.isNone && bytes <= pool.count(head))
    pool.setPayload(head, start: pool.start(head) + bytes, count: pool.count(head) - bytes)
    byteCount -= UInt32(truncatingIfNeeded: bytes)
  }

  /// Copies bytes behind the last buffer's payload. The caller has checked `room` of `last`.
  public mutating func extendLast(with bytes: UnsafeRawBufferPointer, in pool: inout BufferPool) {
    assert(!tail.isNone && pool.room(tail) >= bytes.count)
    let start = pool.start(tail)
    let count = pool.count(tail)
    (pool.base(tail) + start + count).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    pool.setPayload(tail, start: start, count: count + bytes.count)
    byteCount += UInt32(truncatingIfNeeded: bytes.count)
  }

  /// Puts bytes ahead of the first buffer's payload. The caller has checked `room` of `head`.
  public mutating func extendFirst(with bytes: UnsafeRawBufferPointer, in pool: inout BufferPool) {
    assert(!head.isNone && pool.room(head) >= bytes.count)
    let (start, count) = (pool.start(head), pool.count(head))
    let base = pool.base(head) + start
    (base + bytes.count).copyMemory(from: base, byteCount: count)
    base.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    pool.setPayload(head, start: start, count: count + bytes.count)
    byteCount += UInt32(truncatingIfNeeded: bytes.count)
  }

  /// Gives every buffer back.
  public mutating func removeAll(in pool: inout BufferPool) {
    while let id = removeFirst(in: pool) { pool.give(id) }
  }
}
