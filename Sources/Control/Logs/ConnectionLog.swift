internal import Basics
internal import Dispatch
public import Logging
internal import Proxy
internal import Synchronization

/// Writes a line for each ended connection, on a thread of its own that alone reads the proxy's records.
///
/// Without a destination the records are taken all the same, so that the workers' rings don't fill.
public final class ConnectionLog: Sendable {
  private struct Requests {
    /// The file to write to from now on. Nil within: none; nil without: no change is asked for.
    var file: LogFile??
    var reopen = false
  }

  private let proxy: any ProxyControlling
  private let logger: Logger
  private let requests = Mutex(Requests())
  private let ending = DispatchSemaphore(value: 0)
  private let thread = Mutex<ControlThread?>(nil)
  private let interval: Int
  private let lost = Atomic<UInt64>(0)

  /// Lines that could not be written.
  public var lostCount: UInt64 { lost.load(ordering: .relaxed) }

  /// Starts, without a destination for now.
  public init(_ proxy: any ProxyControlling, logger: Logger, intervalMilliseconds: Int = 50) {
    self.proxy = proxy
    self.logger = logger
    interval = intervalMilliseconds
    thread.withLock { $0 = ControlThread(named: "connection-log") { [self] in run() } }
  }

  /// Writes elsewhere from now on; a destination that can't be opened changes nothing.
  public func setDestination(_ destination: String?) throws(ControlError) {
    use(try Self.open(destination))
  }

  /// Opens a destination for `use`, so that it is known to be good before anything else changes.
  static func open(_ destination: String?) throws(ControlError) -> LogFile? {
    guard let destination else { return nil }
    return try LogFile(destination)
  }

  func use(_ file: LogFile?) { requests.withLock { $0.file = .some(file) } }

  /// Opens the file anew at its path, for log rotation.
  public func reopen() { requests.withLock { $0.reopen = true } }

  /// Writes what is left and ends the thread.
  public func finish() {
    ending.signal()
    thread.withLock { $0 }?.join()
  }

  private func run() {
    var file: LogFile? = nil
    var hasReported = false
    var turn = 0
    var isEnding = false
    while !isEnding {
      isEnding = ending.wait(timeout: .now() + .milliseconds(interval)) == .success
      takeRequests(&file)
      // Whether the file was renamed is looked at about once a second.
      if turn % max(1, 1000 / interval) == 0 { file?.reopenIfRotated() }
      turn += 1
      write(to: file)
      report(file, &hasReported)
    }
  }

  private func takeRequests(_ file: inout LogFile?) {
    let taken = requests.withLock { requests in
      defer { requests = Requests() }
      return requests
    }
    if let new = taken.file { file = new }
    if taken.reopen { file?.reopen() }
  }

  private func write(to file: LogFile?) {
    // The difference of the clocks changes when the wall clock is set.
    let offset = Clock.wall &- Clock.monotonic.nanoseconds
    proxy.takeRecords { record in
      file?.append(line: ConnectionLine.json(record, wallOffset: offset))
    }
    file?.flush()
  }

  /// Says once that lines are being lost, and once that they no longer are.
  private func report(_ file: LogFile?, _ hasReported: inout Bool) {
    guard let file else { return hasReported = false }
    lost.wrappingAdd(file.takeLostCount(), ordering: .relaxed)
    switch (file.trouble, hasReported) {
    case (let trouble?, false):
      hasReported = true
      logger.error(
        "log lines of connections are being lost",
        metadata: ["file": "\(file.destination)", "reason": "\(trouble)"])
    case (nil, true):
      hasReported = false
      logger.notice(
        "log lines of connections are written again",
        metadata: ["file": "\(file.destination)", "lost": "\(lostCount)"])
    default: break
    }
  }
}
