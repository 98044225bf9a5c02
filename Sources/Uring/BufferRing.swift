public import Basics
internal import CUring
internal import Glibc

/// A ring of buffers of a `BufferPool` that the kernel receives into, in the order given.
///
/// What is in the ring is the kernel's; `take` tells that a completion has brought a buffer back. The kernel
/// writes to the payload area only, so that head and tail room stay the worker's. A modest size is faster than
/// a big one: few buffers stay in the cache.
///
/// Its memory must outlive the `Ring`: end the ring first.
public struct BufferRing: ~Copyable {
  private let memory: UnsafeMutablePointer<io_uring_buf_ring>
  private let capacity: Int
  /// True exactly while the kernel has the buffer. By buffer number, since completions come in any order.
  private let isKernels: UnsafeMutablePointer<Bool>
  private let poolCount: Int
  public let group: UInt16
  /// Buffers that the kernel has.
  public private(set) var count = 0

  /// - Parameters:
  ///   - capacity: a power of 2, at most 32768.
  ///   - poolCount: how many buffers the pool has.
  public init(
    on ring: borrowing Ring, capacity: Int, group: UInt16 = 0, poolCount: Int
  ) throws(RingError) {
    precondition(capacity > 0 && capacity & (capacity - 1) == 0)
    let bytes = capacity * MemoryLayout<io_uring_buf>.stride
    let map = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let map, map != MAP_FAILED else { throw .system(call: "mmap", errno: errno) }
    var registration = io_uring_buf_reg()
    registration.ring_addr = UInt64(UInt(bitPattern: map))
    registration.ring_entries = UInt32(capacity)
    registration.bgid = group
    let result = io_uring_register_buf_ring(ring.raw, &registration, 0)
    guard result >= 0 else {
      munmap(map, bytes)
      throw .of("IORING_REGISTER_PBUF_RING", result: result, needing: .bufferRing)
    }
    memory = map.bindMemory(to: io_uring_buf_ring.self, capacity: 1)
    io_uring_buf_ring_init(memory)
    isKernels = .allocate(capacity: poolCount)
    isKernels.initialize(repeating: false, count: poolCount)
    self.capacity = capacity
    self.group = group
    self.poolCount = poolCount
  }

  deinit {
    munmap(memory, capacity * MemoryLayout<io_uring_buf>.stride)
    isKernels.deallocate()
  }

  /// Hands buffers to the kernel until it has `target` of them (at most `capacity`), or the pool has only
  /// `reserve` left.
  public mutating func refill(from pool: inout BufferPool, target: Int, reserve: Int) {
    let mask = Int32(capacity - 1)
    var added: Int32 = 0
    while count < target, pool.freeCount > reserve, let id = pool.take() {
      let number = Int(id.rawValue)
      assert(!isKernels[number])
      isKernels[number] = true
      count += 1
      io_uring_buf_ring_add(
        memory, pool.base(id) + BufferPool.headRoom, UInt32(BufferPool.payload), id.rawValue, mask, added)
      added += 1
    }
    assert(count <= capacity)
    if added > 0 { io_uring_buf_ring_advance(memory, added) }
  }

  /// A completion has brought the buffer: it is the caller's.
  public mutating func take(_ number: UInt16) -> BufferID {
    assert(Int(number) < poolCount && isKernels[Int(number)], "a buffer that the kernel doesn't have")
    isKernels[Int(number)] = false
    count -= 1
    return BufferID(rawValue: number)
  }

  /// Gives the buffers back to the pool, once the ring has ended.
  public mutating func empty(into pool: inout BufferPool) {
    for number in 0..<poolCount where isKernels[number] { pool.give(take(UInt16(number))) }
  }
}
