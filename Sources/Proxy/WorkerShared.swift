internal import Synchronization
internal import TLS
public import Telemetry

/// What a worker shares with the control plane: its counters, its records, its mailbox.
public final class WorkerShared: Sendable {
  /// The worker's number, from 0.
  public let index: Int
  public let counters = CounterBlock<WorkerCounter>()
  /// Ended connections, for the log.
  public let records = EventLog<ConnectionRecord>(capacity: 8192)
  public let process: ProcessShared
  let mailbox = Mailbox()
  /// The worker's OpenSSL, used by its thread alone; nil where nothing is TLS (the simulation).
  nonisolated(unsafe) let library: TLSLibrary?

  public convenience init(index: Int, process: ProcessShared) {
    self.init(index: index, process: process, library: nil)
  }

  init(index: Int, process: ProcessShared, library: TLSLibrary?) {
    self.index = index
    self.process = process
    self.library = library
  }
}

/// What the workers of a process share with each other.
public final class ProcessShared: Sendable {
  public let live = LiveConnections()
  public init() {}
}

/// The live connections of the process, counted against its limit.
public final class LiveConnections: Sendable {
  public enum Room {
    /// Counted, and further ones may follow.
    case some
    /// Counted, and none may follow.
    case last
    /// Not counted: one too many.
    case none
  }
  private let count = Atomic<Int>(0)

  public init() {}

  public var now: Int { count.load(ordering: .relaxed) }

  /// Counts one more, up to the limit exactly.
  func enter(limit: Int) -> Room {
    let new = count.add(1, ordering: .relaxed).newValue
    guard new <= limit else {
      leave()
      return .none
    }
    return new == limit ? .last : .some
  }

  func leave() { count.subtract(1, ordering: .relaxed) }
  func hasRoom(limit: Int) -> Bool { now < limit }
}
