/// Deadlines for the slots of a table: at most one a slot, set and cleared in constant time.
///
/// Four levels of 64 buckets with a tick of 16 ms reach 74 hours; what lies further waits in the last level
/// and is looked at again. A deadline fires at its tick's end, so never early and at most a tick late.
/// (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987.)
public struct TimerWheel: ~Copyable {
  public static let tick: UInt64 = 16_000_000
  private static let levels = 4
  private static let bits = 6
  private static let buckets = 1 << bits

  private struct Entry {
    var dueTick: UInt64
    var next: UInt32
    var previous: UInt32
    /// Index of the bucket that holds the entry; `none` when no deadline is set.
    var bucket: UInt32
  }
  private static let none = UInt32.max

  private let entries: UnsafeMutablePointer<Entry>
  private let heads: UnsafeMutablePointer<UInt32>
  private let capacity: Int
  /// Ticks up to and without this one have fired.
  private var currentTick: UInt64
  public private(set) var count = 0

  public init(capacity: Int, now: MonotonicTime) {
    self.capacity = capacity
    entries = .allocate(capacity: capacity)
    entries.initialize(
      repeating: Entry(dueTick: 0, next: Self.none, previous: Self.none, bucket: Self.none), count: capacity)
    heads = .allocate(capacity: Self.levels * Self.buckets)
    heads.initialize(repeating: Self.none, count: Self.levels * Self.buckets)
    currentTick = now.nanoseconds / Self.tick
  }

  deinit {
    entries.deallocate()
    heads.deallocate()
  }

  /// Sets the slot's deadline, in place of the one that it had.
  public mutating func set(_ slot: UInt32, at time: MonotonicTime) {
    clear(slot)
    guard time != .distantFuture else { return }
    let due = time.nanoseconds / Self.tick &+ 1
    entries[Int(slot)].dueTick = max(due, currentTick + 1)
    insert(slot)
    count += 1
  }

  public mutating func clear(_ slot: UInt32) {
    guard entries[Int(slot)].bucket != Self.none else { return }
    unlink(slot)
    count -= 1
  }

  public func isSet(_ slot: UInt32) -> Bool { entries[Int(slot)].bucket != Self.none }

  /// Calls `fire` for each slot whose deadline has passed. It may set and clear deadlines.
  public mutating func advance(to now: MonotonicTime, fire: (UInt32) -> Void) {
    while let slot = popDue(now) { fire(slot) }
  }

  /// One slot whose deadline has passed, its deadline cleared; nil when there is no more.
  public mutating func popDue(_ now: MonotonicTime) -> UInt32? {
    let target = now.nanoseconds / Self.tick
    while true {
      let head = heads[Int(currentTick & UInt64(Self.buckets - 1))]
      if head != Self.none, entries[Int(head)].dueTick <= currentTick {
        unlink(head)
        count -= 1
        return head
      }
      guard currentTick < target else { return nil }
      if count == 0 {
        currentTick = target
        return nil
      }
      currentTick += 1
      cascade()
    }
  }

  /// How late at this time the deadline is that `popDue` gave last.
  public func lateness(_ now: MonotonicTime) -> Duration { now.since(Self.time(currentTick)) }

  /// When to look again at the latest; nil when no deadline is set.
  public func nextDeadline() -> MonotonicTime? {
    guard count > 0 else { return nil }
    for offset in 0..<UInt64(Self.buckets) {
      let tick = currentTick + offset
      if heads[Int(tick & UInt64(Self.buckets - 1))] != Self.none { return Self.time(tick) }
      // The next level is due to be spread over this one.
      if offset > 0 && tick & UInt64(Self.buckets - 1) == 0 { return Self.time(tick) }
    }
    return Self.time(currentTick + UInt64(Self.buckets))
  }

  private static func time(_ tick: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: tick * Self.tick) }

  /// Moves the buckets of higher levels that begin at this tick to where their entries now belong.
  private mutating func cascade() {
    var level = 1
    var shifted = currentTick
    while level < Self.levels, shifted & UInt64(Self.buckets - 1) == 0 {
      shifted >>= UInt64(Self.bits)
      let bucket = level * Self.buckets + Int(shifted & UInt64(Self.buckets - 1))
      var slot = heads[bucket]
      heads[bucket] = Self.none
      while slot != Self.none {
        let next = entries[Int(slot)].next
        entries[Int(slot)].bucket = Self.none
        insert(slot)
        slot = next
      }
      level += 1
    }
  }

  private mutating func insert(_ slot: UInt32) {
    let due = entries[Int(slot)].dueTick
    let delta = due &- currentTick
    var level = 0
    while level < Self.levels - 1, delta >= 1 << UInt64(Self.bits * (level + 1)) { level += 1 }
    // What lies beyond the wheel waits in its last bucket and is put further when that comes.
    let reach = UInt64(1) << UInt64(Self.bits * Self.levels)
    let place = delta < reach ? due : currentTick + reach - 1
    let bucket = level * Self.buckets + Int(place >> UInt64(Self.bits * level) & UInt64(Self.buckets - 1))
    let head = heads[bucket]
    entries[Int(slot)].next = head
    entries[Int(slot)].previous = Self.none
    entries[Int(slot)].bucket = UInt32(bucket)
    if head != Self.none { entries[Int(head)].previous = slot }
    heads[bucket] = slot
  }

  private mutating func unlink(_ slot: UInt32) {
    let entry = entries[Int(slot)]
    if entry.previous != Self.none {
      entries[Int(entry.previous)].next = entry.next
    } else {
      heads[Int(entry.bucket)] = entry.next
    }
    if entry.next != Self.none { entries[Int(entry.next)].previous = entry.previous }
    entries[Int(slot)].bucket = Self.none
  }
}
