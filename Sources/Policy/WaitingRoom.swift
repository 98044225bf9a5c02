public import Basics

/// Where connections wait: lanes of slots, oldest first, linked through one array. One per worker.
///
/// An entry weighs 32 bytes, is found by its slot, and leaves in constant time. Memory is reserved at once
/// and becomes resident as slots are used, lowest first.
public struct WaitingRoom: ~Copyable {
  /// What is known of one that waits.
  public struct Visitor: Hashable, Sendable {
    public let slot: SlotID
    public let lane: Int
    public let enteredAt: MonotonicTime
    /// When its patience ends.
    public let deadline: MonotonicTime
  }

  private struct Entry {
    var enteredAt = MonotonicTime.zero
    var deadline = MonotonicTime.zero
    var next = WaitingRoom.none
    var previous = WaitingRoom.none
    var generation: UInt32 = 0
    /// `none` exactly when the slot doesn't wait.
    var lane = WaitingRoom.none
  }

  private struct Lane {
    var head = WaitingRoom.none
    var tail = WaitingRoom.none
    var count = 0
  }

  private static let none = UInt32.max

  private var entries: [Entry] = []
  private var lanes: [Lane]
  public private(set) var count = 0

  /// - Parameters:
  ///   - slots: how many slots there are; their indexes are below it.
  ///   - lanes: see `addLanes`.
  public init(slots: Int, lanes: Int) {
    entries.reserveCapacity(slots)
    self.lanes = Array(repeating: Lane(), count: lanes)
  }

  public var laneCount: Int { lanes.count }

  /// Makes more lanes, to `total`. For reloads: it allocates.
  public mutating func addLanes(to total: Int) {
    while lanes.count < total { lanes.append(Lane()) }
  }

  public mutating func enter(_ slot: SlotID, lane: Int, now: MonotonicTime, deadline: MonotonicTime) {
    let index = Int(slot.index)
    while entries.count <= index { entries.append(Entry()) }
    assert(entries[index].lane == Self.none, "a slot waits once")
    let tail = lanes[lane].tail
    entries[index] = Entry(
      enteredAt: now, deadline: deadline, previous: tail, generation: slot.generation, lane: UInt32(lane))
    if tail == Self.none {
      lanes[lane].head = slot.index
    } else {
      entries[Int(tail)].next = slot.index
    }
    lanes[lane].tail = slot.index
    lanes[lane].count += 1
    count += 1
  }

  /// Takes one out. Nil when it doesn't wait here.
  @discardableResult
  public mutating func leave(_ slot: SlotID) -> Visitor? {
    guard let visitor = visitor(slot) else { return nil }
    let entry = entries[Int(slot.index)]
    if entry.previous == Self.none {
      lanes[visitor.lane].head = entry.next
    } else {
      entries[Int(entry.previous)].next = entry.next
    }
    if entry.next == Self.none {
      lanes[visitor.lane].tail = entry.previous
    } else {
      entries[Int(entry.next)].previous = entry.previous
    }
    entries[Int(slot.index)].lane = Self.none
    lanes[visitor.lane].count -= 1
    count -= 1
    assert(count >= 0 && lanes[visitor.lane].count >= 0)
    return visitor
  }

  public func visitor(_ slot: SlotID) -> Visitor? {
    guard Int(slot.index) < entries.count, entries[Int(slot.index)].generation == slot.generation
    else { return nil }
    return visitor(at: slot.index)
  }

  public func count(_ lane: Int) -> Int { lanes[lane].count }

  /// The lane's oldest.
  public func first(_ lane: Int) -> Visitor? { visitor(at: lanes[lane].head) }

  /// The lane's youngest.
  public func last(_ lane: Int) -> Visitor? { visitor(at: lanes[lane].tail) }

  /// When the oldest of all entered; nil when nobody waits.
  public var oldestEntry: MonotonicTime? {
    var oldest: MonotonicTime?
    for lane in lanes.indices where lanes[lane].head != Self.none {
      let entered = entries[Int(lanes[lane].head)].enteredAt
      if oldest.map({ entered < $0 }) ?? true { oldest = entered }
    }
    return oldest
  }

  private func visitor(at index: UInt32) -> Visitor? {
    guard index != Self.none else { return nil }
    let entry = entries[Int(index)]
    guard entry.lane != Self.none else { return nil }
    return Visitor(
      slot: SlotID(index: index, generation: entry.generation), lane: Int(entry.lane),
      enteredAt: entry.enteredAt, deadline: entry.deadline)
  }
}
