internal import Basics
internal import Dispatch
internal import Glibc
internal import Synchronization
internal import Uring

/// What the control plane asks of a worker.
enum Command: Sendable {
  /// Other settings are in force. Listening sockets that are new are accepted from, those gone are closed.
  case apply(Topology)
  /// Accept no more, and end when the connections have; past the deadline end them.
  case drain(deadline: MonotonicTime)
  /// End at once.
  case stop
}

/// Commands on their way to a worker, which is woken for them through an eventfd: the loop looks here only then.
final class Mailbox: Sendable {
  private let commands = Mutex<[(Command, DispatchSemaphore)]>([])
  /// The eventfd, which the worker's engine reads.
  let descriptor: Int32

  init() {
    do throws(RingError) {
      descriptor = try EventDescriptor.make()
    } catch {
      fatalError("\(error)")
    }
  }

  deinit { Glibc.close(descriptor) }

  /// Sends a command. The semaphore is signalled once the worker has carried it out.
  @discardableResult
  func send(_ command: Command) -> DispatchSemaphore {
    let done = DispatchSemaphore(value: 0)
    commands.withLock { $0.append((command, done)) }
    EventDescriptor.signal(descriptor)
    return done
  }

  func takeAll() -> [(Command, DispatchSemaphore)] {
    commands.withLock { commands in
      let all = commands
      commands = []
      return all
    }
  }
}
