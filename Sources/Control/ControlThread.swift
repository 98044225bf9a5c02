internal import Basics
internal import Glibc
internal import Synchronization

/// A thread for work that may block (disks, signals), which the cooperative pool must not.
final class ControlThread: Sendable {
  private let handle: Mutex<pthread_t?>

  /// - Parameter name: at most 15 bytes, for `top` and debuggers.
  init(named name: String, _ body: @escaping @Sendable () -> Void) {
    handle = Mutex(Self.start(ControlThreadBody(name: name, run: body)))
  }

  private static func start(_ body: ControlThreadBody) -> pthread_t {
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(body).toOpaque()
    let result = pthread_create(&thread, nil, runControlThread, argument)
    precondition(result == 0, "no thread to be had: errno \(result)")
    return thread
  }

  /// Waits for the body's end. A second call returns at once.
  func join() {
    let thread = handle.withLock { handle in
      defer { handle = nil }
      return handle
    }
    if let thread { pthread_join(thread, nil) }
  }
}

private final class ControlThreadBody: Sendable {
  let name: String
  let run: @Sendable () -> Void

  init(name: String, run: @escaping @Sendable () -> Void) {
    self.name = name
    self.run = run
  }
}

private func runControlThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  let body = Unmanaged<ControlThreadBody>.fromOpaque(argument).takeRetainedValue()
  nameThread(body.name)
  body.run()
  return nil
}
