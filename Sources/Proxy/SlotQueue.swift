internal import Basics

/// A first-in first-out queue of connections with a fixed capacity.
///
/// A slot is in it at most once. The entry of a connection that goes stays until its turn; whoever takes the
/// slot meanwhile and is queued as well takes over that entry. So as many places as slots are enough, however
/// many connections come and go while nobody is taken out.
struct SlotQueue: ~Copyable {
  /// Slots' indexes, in a ring.
  private let places: UnsafeMutablePointer<UInt32>
  /// By a slot's index, who is queued; `nobody` when the slot isn't.
  private let tenants: UnsafeMutablePointer<SlotID>
  private let capacity: Int
  private var first = 0
  private(set) var count = 0

  /// - Parameter capacity: how many slots there are; their indexes are below it.
  init(capacity: Int) {
    self.capacity = capacity
    places = .allocate(capacity: capacity)
    tenants = .allocate(capacity: capacity)
    tenants.initialize(repeating: .nobody, count: capacity)
  }

  deinit {
    places.deallocate()
    tenants.deallocate()
  }

  var isEmpty: Bool { count == 0 }

  mutating func append(_ id: SlotID) {
    let index = Int(id.index)
    precondition(index < capacity, "a slot that isn't of the table")
    let isQueued = tenants[index] != .nobody
    tenants[index] = id
    guard !isQueued else { return }
    var place = first + count
    if place >= capacity { place -= capacity }
    (places + place).initialize(to: id.index)
    count += 1
  }

  mutating func removeFirst() -> SlotID? {
    guard count > 0 else { return nil }
    let index = Int(places[first])
    first = first + 1 == capacity ? 0 : first + 1
    count -= 1
    defer { tenants[index] = .nobody }
    return tenants[index]
  }
}
