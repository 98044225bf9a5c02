internal import Synchronization

/// Events on their way from one thread that must not wait to another that may.
///
/// A ring of fixed capacity: exactly one thread records, exactly one drains. The recorder never waits, locks or
/// allocates; what finds the ring full is dropped and counted.
public final class EventLog<Event: Sendable>: Sendable {
  private nonisolated(unsafe) let slots: UnsafeMutablePointer<Event>
  /// A power of two less one: a position's slot is `position & mask`.
  private let mask: Int
  /// Events drained and recorded so far. `drained <= recorded <= drained + capacity`; the slots between hold
  /// events. Each is written by one side only, on a cache line of its own.
  private let drained = Padded()
  private let recorded = Padded()
  private let dropped = Padded()

  /// - Parameter capacity: events that may wait, rounded up to a power of two.
  public init(capacity: Int) {
    precondition(capacity > 0)
    var size = 1
    while size < capacity { size <<= 1 }
    mask = size - 1
    slots = .allocate(capacity: size)
  }

  deinit {
    let first = drained.value.load(ordering: .acquiring)
    for position in first..<recorded.value.load(ordering: .acquiring) {
      (slots + position & mask).deinitialize(count: 1)
    }
    slots.deallocate()
  }

  public var capacity: Int { mask + 1 }

  /// Events that found the ring full. Read by any thread.
  public var droppedCount: UInt64 { UInt64(dropped.value.load(ordering: .relaxed)) }

  /// Only ever called by the recording thread.
  /// - Returns: False when the ring is full; the event is gone then, and counted.
  @discardableResult
  public func record(_ event: consuming Event) -> Bool {
    let position = recorded.value.load(ordering: .relaxed)
    // Acquires the reader's release: the slot's former event has been moved out.
    guard position - drained.value.load(ordering: .acquiring) <= mask else {
      dropped.value.store(dropped.value.load(ordering: .relaxed) + 1, ordering: .relaxed)
      return false
    }
    (slots + position & mask).initialize(to: event)
    recorded.value.store(position + 1, ordering: .releasing)
    return true
  }

  /// Hands over what has been recorded up to now, oldest first. Only ever called by the draining thread.
  public func drain(_ body: (consuming Event) -> Void) {
    let end = recorded.value.load(ordering: .acquiring)
    var position = drained.value.load(ordering: .relaxed)
    assert(position <= end && end - position <= capacity)
    while position < end {
      let event = (slots + position & mask).move()
      position += 1
      drained.value.store(position, ordering: .releasing)
      body(event)
    }
  }
}

/// A position with room around it, so that the two threads' positions don't share a cache line.
private final class Padded: Sendable {
  let value = Atomic<Int>(0)
  private let room: (Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int) = (
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  )
}
