internal import Glibc

/// A fixed number of places for values that the kernel's completions refer to, each tenant with a generation.
///
/// Memory is reserved at once and becomes resident as slots are used, lowest first, so an idle table costs
/// next to nothing. A slot's value is at a fixed address as long as it lives there.
public struct SlotTable<Value: ~Copyable>: ~Copyable {
  @usableFromInline let values: UnsafeMutablePointer<Value>
  /// The generation of a slot's tenant, its top bit set while there is one.
  @usableFromInline let generations: UnsafeMutablePointer<UInt32>
  private let nextFree: UnsafeMutablePointer<UInt32>
  private var freeHead = UInt32.max
  var untouched: UInt32 = 0
  /// Where the sweep of `SlotTable+Return.swift` has come to.
  var sweepIndex = 0
  public let capacity: Int
  public private(set) var count = 0

  @usableFromInline static var occupied: UInt32 { 0x8000_0000 }

  public init(capacity: Int) {
    precondition(capacity > 0 && capacity < Int(UInt32.max))
    self.capacity = capacity
    values = Self.reserve(capacity)
    // Fresh anonymous memory is zero: no tenant, generation 0.
    generations = SlotTable<UInt32>.reserve(capacity)
    nextFree = SlotTable<UInt32>.reserve(capacity)
  }

  deinit {
    for index in 0..<Int(untouched) where generations[index] & Self.occupied != 0 {
      (values + index).deinitialize(count: 1)
    }
    munmap(values, max(capacity * MemoryLayout<Value>.stride, 1))
    munmap(generations, capacity * MemoryLayout<UInt32>.stride)
    munmap(nextFree, capacity * MemoryLayout<UInt32>.stride)
  }

  static func reserve(_ count: Int) -> UnsafeMutablePointer<Value> {
    let bytes = max(count * MemoryLayout<Value>.stride, 1)
    let map = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let map, map != MAP_FAILED else { fatalError("cannot reserve \(bytes) bytes for slots") }
    return map.bindMemory(to: Value.self, capacity: count)
  }

  /// Moves a value in; nil when every slot has a tenant (the value is dropped then).
  public mutating func insert(_ value: consuming Value) -> SlotID? {
    let index: UInt32
    if freeHead != .max {
      index = freeHead
      freeHead = nextFree[Int(index)]
    } else if Int(untouched) < capacity {
      index = untouched
      untouched += 1
    } else {
      return nil
    }
    (values + Int(index)).initialize(to: value)
    let generation = (generations[Int(index)] &+ 1) & SlotID.generationMask
    generations[Int(index)] = generation | Self.occupied
    count += 1
    return SlotID(index: index, generation: generation)
  }

  /// Ends the tenancy. Later look-ups with this identifier find nothing.
  public mutating func remove(_ id: SlotID) {
    precondition(contains(id), "slot removed twice")
    (values + Int(id.index)).deinitialize(count: 1)
    generations[Int(id.index)] &= ~Self.occupied
    nextFree[Int(id.index)] = freeHead
    freeHead = id.index
    count -= 1
  }

  @inlinable public func contains(_ id: SlotID) -> Bool {
    Int(id.index) < capacity && generations[Int(id.index)] == id.generation | Self.occupied
  }

  /// The tenant meant, or nil when it is gone.
  @inlinable public func pointer(_ id: SlotID) -> UnsafeMutablePointer<Value>? {
    contains(id) ? values + Int(id.index) : nil
  }

  /// The tenant at an index, or nil when there is none.
  public func tenant(at index: UInt32) -> SlotID? {
    guard Int(index) < Int(untouched), generations[Int(index)] & Self.occupied != 0 else { return nil }
    return SlotID(index: index, generation: generations[Int(index)] & SlotID.generationMask)
  }

  /// One past the highest index that ever had a tenant.
  public var indexLimit: UInt32 { untouched }
}
