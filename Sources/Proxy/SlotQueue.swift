internal import Basics

/// A first-in first-out queue of connections with a fixed capacity. Each is in it at most once (a flag in the
/// connection says so), so as many places as slots are enough.
struct SlotQueue: ~Copyable {
  private let places: UnsafeMutablePointer<SlotID>
  private let capacity: Int
  private var first = 0
  private(set) var count = 0

  init(capacity: Int) {
    // A connection that goes and whose slot is taken anew while its old entry is still queued needs a second.
    self.capacity = 2 * capacity
    places = SlotQueue.reserve(2 * capacity)
  }

  deinit { places.deallocate() }

  private static func reserve(_ count: Int) -> UnsafeMutablePointer<SlotID> { .allocate(capacity: count) }

  var isEmpty: Bool { count == 0 }

  mutating func append(_ id: SlotID) {
    precondition(count < capacity, "more connections queued than there are")
    var place = first + count
    if place >= capacity { place -= capacity }
    (places + place).initialize(to: id)
    count += 1
  }

  mutating func removeFirst() -> SlotID? {
    guard count > 0 else { return nil }
    let id = places[first]
    first = first + 1 == capacity ? 0 : first + 1
    count -= 1
    return id
  }
}
