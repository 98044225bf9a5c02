internal import Basics

/// What is due to happen in the world.
enum WorldEvent {
  case arrive(SimulatedClient)
  /// The control plane has a command for the worker.
  case wake
  case client(SimulatedClient)
  case backend(SimulatedBackend)
  case accept(listener: Int)
  case receive(SimulatedSocket, sequence: Int)
  case send(SimulatedSocket, sequence: Int)
  case shutdown(SimulatedSocket, CompletionToken)
  case address(SimulatedSocket, CompletionToken)
  case connect(SimulatedSocket, CompletionToken, result: Int32)
  case cancel(SimulatedSocket, target: CompletionToken, CompletionToken)
  case close(SimulatedSocket, reset: Bool, CompletionToken)
}

/// Events by time; those of the same instant in an order that the seed decides.
struct EventQueue {
  private struct Entry {
    var time: MonotonicTime
    var tie: UInt64
    var event: WorldEvent

    func precedes(_ other: Entry) -> Bool { time != other.time ? time < other.time : tie < other.tie }
  }
  private var heap: [Entry] = []

  var isEmpty: Bool { heap.isEmpty }
  var count: Int { heap.count }
  var nextTime: MonotonicTime? { heap.first?.time }

  mutating func push(_ event: WorldEvent, at time: MonotonicTime, tie: UInt64) {
    heap.append(Entry(time: time, tie: tie, event: event))
    var child = heap.count - 1
    while child > 0, heap[child].precedes(heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func pop() -> WorldEvent? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    return first.event
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { return }
      if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
      guard heap[child].precedes(heap[parent]) else { return }
      heap.swapAt(child, parent)
      parent = child
    }
  }
}
