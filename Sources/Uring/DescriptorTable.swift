/// Who has which slot of a ring's table of direct descriptors.
///
/// The first slots are the kernel's to hand out to accepted sockets; the others are ours for outgoing ones.
/// A slot is free again only when its close has completed: the kernel closes, without a word, what is in a slot
/// that it is told to put another socket into.
public struct DescriptorTable: ~Copyable {
  private enum State: UInt8 { case free, open, closing }

  public let acceptedCapacity: Int
  public let outgoingCapacity: Int
  public private(set) var acceptedCount = 0
  public private(set) var outgoingCount = 0
  private let states: UnsafeMutablePointer<State>
  /// A number that the table's owner keeps per slot; meaningless before it is set.
  private let notes: UnsafeMutablePointer<UInt64>
  /// A stack of slots that were used and are free; behind it come those never used.
  private let freeSlots: UnsafeMutablePointer<UInt32>
  private var freeSlotCount = 0
  private var untouched: UInt32

  public init(acceptedCapacity: Int, outgoingCapacity: Int) {
    precondition(acceptedCapacity > 0 && outgoingCapacity >= 0)
    let count = acceptedCapacity + outgoingCapacity
    self.acceptedCapacity = acceptedCapacity
    self.outgoingCapacity = outgoingCapacity
    states = .allocate(capacity: count)
    states.initialize(repeating: .free, count: count)
    notes = .allocate(capacity: count)
    freeSlots = .allocate(capacity: max(1, outgoingCapacity))
    untouched = UInt32(acceptedCapacity)
  }

  deinit {
    states.deallocate()
    notes.deallocate()
    freeSlots.deallocate()
  }

  public var slotCount: Int { acceptedCapacity + outgoingCapacity }
  public var acceptedFree: Int { acceptedCapacity - acceptedCount }
  public var outgoingFree: Int { outgoingCapacity - outgoingCount }

  /// The kernel has put an accepted socket into the slot.
  public mutating func noteAccepted(_ slot: UInt32) {
    assert(Int(slot) < acceptedCapacity && states[Int(slot)] == .free)
    states[Int(slot)] = .open
    acceptedCount += 1
  }

  /// A slot for an outgoing socket; nil when all are in use.
  public mutating func takeOutgoing() -> UInt32? {
    let slot: UInt32
    if freeSlotCount > 0 {
      freeSlotCount -= 1
      slot = freeSlots[freeSlotCount]
    } else if Int(untouched) < slotCount {
      slot = untouched
      untouched += 1
    } else {
      return nil
    }
    assert(states[Int(slot)] == .free)
    states[Int(slot)] = .open
    outgoingCount += 1
    return slot
  }

  /// True exactly when the slot has a socket whose close hasn't been asked for.
  public func isOpen(_ slot: UInt32) -> Bool { Int(slot) < slotCount && states[Int(slot)] == .open }

  /// A close is on its way.
  public mutating func beginClosing(_ slot: UInt32) {
    precondition(isOpen(slot), "slot \(slot) closed twice")
    states[Int(slot)] = .closing
  }

  /// The close has completed.
  public mutating func release(_ slot: UInt32) {
    assert(states[Int(slot)] == .closing)
    states[Int(slot)] = .free
    if Int(slot) < acceptedCapacity {
      acceptedCount -= 1
    } else {
      outgoingCount -= 1
      freeSlots[freeSlotCount] = slot
      freeSlotCount += 1
    }
  }

  public subscript(note slot: UInt32) -> UInt64 {
    get { notes[Int(slot)] }
    nonmutating set { notes[Int(slot)] = newValue }
  }
}
