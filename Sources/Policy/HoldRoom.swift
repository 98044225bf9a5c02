public import Basics

/// Refused connections that are kept idle until their slot, when they are told to go. One per worker.
///
/// A binary heap by release time over preallocated arrays. All workers' rooms together have a cap, past which a
/// client is told a time instead of being held.
public struct HoldRoom: ~Copyable {
  private struct Entry {
    var releaseAt: MonotonicTime
    var slot: SlotID
  }
  private static let none = UInt32.max

  /// Nobody is held for less. Who comes so late that its slot is past already would get its 101 and its 1013 at
  /// once, and some clients would be back 10 ms later: a completed open has reset their backoff.
  public static let shortest = Duration.seconds(1)

  private var heap: [Entry] = []
  /// Where in the heap a slot is, by its index.
  private var places: [UInt32] = []
  private let total: HeldCount

  /// - Parameters:
  ///   - total: of all workers.
  ///   - slots: how many slots there are; their indexes are below it.
  public init(total: HeldCount, slots: Int) {
    self.total = total
    heap.reserveCapacity(min(total.limit, slots))
    places.reserveCapacity(slots)
  }

  public var count: Int { heap.count }

  /// When the next is to be released; nil when none is held.
  public var nextRelease: MonotonicTime? { heap.first?.releaseAt }

  /// Holds a connection until its slot comes, but not for less than `shortest`. False when as many are held as
  /// may be.
  public mutating func hold(_ slot: SlotID, until returnSlot: MonotonicTime, now: MonotonicTime) -> Bool {
    let releaseAt = max(returnSlot, now + Self.shortest)
    guard total.enter() else { return false }
    while places.count <= Int(slot.index) { places.append(Self.none) }
    assert(places[Int(slot.index)] == Self.none, "a slot is held once")
    heap.append(Entry(releaseAt: releaseAt, slot: slot))
    places[Int(slot.index)] = UInt32(heap.count - 1)
    raise(heap.count - 1)
    return true
  }

  /// Takes out a connection that has ended. False when it isn't held.
  @discardableResult
  public mutating func leave(_ slot: SlotID) -> Bool {
    guard Int(slot.index) < places.count, places[Int(slot.index)] != Self.none else { return false }
    let place = Int(places[Int(slot.index)])
    guard heap[place].slot == slot else { return false }
    removeEntry(at: place)
    return true
  }

  /// One whose time has come; nil when there is no more.
  public mutating func popDue(_ now: MonotonicTime) -> SlotID? {
    guard let first = heap.first, first.releaseAt <= now else { return nil }
    removeEntry(at: 0)
    return first.slot
  }

  private mutating func removeEntry(at place: Int) {
    places[Int(heap[place].slot.index)] = Self.none
    total.leave()
    let last = heap.removeLast()
    guard place < heap.count else { return }
    heap[place] = last
    places[Int(last.slot.index)] = UInt32(place)
    raise(place)
    sink(place)
  }

  private mutating func raise(_ start: Int) {
    var place = start
    while place > 0, heap[place].releaseAt < heap[(place - 1) / 2].releaseAt {
      exchange(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  private mutating func sink(_ start: Int) {
    var place = start
    while true {
      var least = place
      for child in 2 * place + 1...2 * place + 2 where child < heap.count {
        if heap[child].releaseAt < heap[least].releaseAt { least = child }
      }
      guard least != place else { return }
      exchange(place, least)
      place = least
    }
  }

  private mutating func exchange(_ a: Int, _ b: Int) {
    heap.swapAt(a, b)
    places[Int(heap[a].slot.index)] = UInt32(a)
    places[Int(heap[b].slot.index)] = UInt32(b)
  }
}
