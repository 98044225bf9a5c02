import Basics

/// Things to do at a time, earliest first: a binary heap. Nothing is taken back; whoever no longer wants an
/// entry ignores it when it comes.
struct DueQueue<Element> {
  private var heap: [(due: MonotonicTime, element: Element)] = []

  var nextDue: MonotonicTime? { heap.first?.due }

  mutating func add(_ element: Element, due: MonotonicTime) {
    heap.append((due, element))
    var child = heap.count - 1
    while child > 0, heap[child].due < heap[(child - 1) / 2].due {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// The earliest entry if its time has come.
  mutating func take(now: MonotonicTime) -> Element? {
    guard let first = heap.first, first.due <= now else { return nil }
    heap[0] = heap[heap.count - 1]
    heap.removeLast()
    sink()
    return first.element
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].due < heap[least].due {
        least = child
      }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
