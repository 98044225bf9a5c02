internal import Basics
internal import Logging
internal import NIOCore
internal import NIOPosix
public import Proxy
public import Settings
internal import Synchronization

/// The process from its start to its orderly end: the data plane, and everything beside it.
public final class Supervisor: Sendable {
  let proxy: any ProxyControlling
  let log: OperationalLog
  let logger: Logger
  let connectionLog: ConnectionLog
  let statsSocket = Mutex<StatsSocket?>(nil)
  private let manager: ServiceManager
  private let file: String?
  private let reloader: Reloader
  private let rates = RateSampler()
  private let limits: LimitWatch
  /// `limits.connections` when the tables were made.
  private let connectionsAtStart: Int
  private let socketFigures = StatsSocketFigures()
  private let baseline = CounterBaseline()
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  /// True exactly after the first SIGTERM.
  private let isDraining = Mutex(false)

  /// Keeps signals from the threads to come. Call first of all in the process.
  public static func prepareProcess() { Signal.block() }

  /// Opens what the settings name beside the proxy's own sockets, and drops privileges. No traffic yet.
  /// - Parameters:
  ///   - file: where the settings came from, for reloads; nil where from no file.
  ///   - proxy: made, its sockets open, not started.
  public init(
    _ settings: Settings, file: String?, proxy: any ProxyControlling, log: OperationalLog,
    manager: ServiceManager = .fromEnvironment
  ) throws(ControlError) {
    self.proxy = proxy
    self.log = log
    self.manager = manager
    connectionsAtStart = settings.limits.connections
    self.file = file
    logger = log.logger
    limits = LimitWatch(log.logger)
    reloader = Reloader(settings, file: file, logger: log.logger, manager: manager)
    connectionLog = ConnectionLog(proxy, logger: log.logger)
    do {
      let socket = try settings.admin.statsSocket.map(openStatsSocket)
      statsSocket.withLock { $0 = socket }
      if let user = settings.user { try Privileges.drop(to: user) }
      // As the account that will open it anew after a rotation.
      try connectionLog.setDestination(settings.log.connections)
    } catch {
      close()
      throw error
    }
  }

  /// Serves until the workers have ended, by a signal's order or their own.
  public func run() throws(ProxyError) {
    defer { close() }
    try proxy.start()
    schedule()
    for warning in warnings(reloader.settings) { logger.warning("\(warning.text(file: file))") }
    _ = ControlThread(named: "signals") { [self] in
      while true { obey(Signal.next()) }
    }
    logger.notice("serving", metadata: ["version": "\(Version.number)", "listening": "\(addresses)"])
    manager.ready()
    proxy.waitUntilEnded()
    logger.notice("all connections have ended")
  }

  /// Reads the configuration file anew; whole or not at all.
  public func reload() -> ReloadOutcome {
    guard !isDraining.withLock({ $0 }) else {
      return ReloadOutcome(succeeded: false, messages: ["the process drains and takes no other settings"])
    }
    return reloader.reload(applying: apply)
  }

  /// Changes the settings in force, until the next reload.
  func change(_ edit: SettingsEdit) throws(ControlError) {
    try reloader.change(edit) { [proxy] settings throws(ProxyError) in try proxy.apply(settings) }
  }

  func openStatsSocket(_ settings: Settings.Admin.StatsSocket) throws(ControlError) -> StatsSocket {
    var context = CommandContext(
      proxy: proxy, rates: rates, connectionsAtStart: connectionsAtStart, socketFigures: socketFigures,
      change: { [self] edit throws(ControlError) in try change(edit) }, reload: { [self] in reload() })
    context.baseline = baseline
    return try StatsSocket(settings, group: group, context: context)
  }

  func obey(_ signal: Signal) {
    switch signal {
    case .reload: _ = reload()
    case .drain: drain()
    case .drainWithoutEnd:
      logger.notice("draining without a deadline")
      manager.stopping()
      proxy.drain(window: nil)
    case .stop:
      logger.notice("stopping at once")
      manager.stopping()
      proxy.stop()
    }
  }

  /// The first time within the window, the second time at once.
  private func drain() {
    let isSecond = isDraining.withLock { isDraining in
      defer { isDraining = true }
      return isDraining
    }
    guard !isSecond else { return obey(.stop) }
    let window = reloader.settings.drain.window
    logger.notice("draining", metadata: ["window_seconds": "\(JSONObject.seconds(window))"])
    manager.stopping()
    proxy.drain(window: window)
  }

  /// What is due every now and then. None of it blocks, so it runs on the event loop.
  private func schedule() {
    let (proxy, rates, limits, loop) = (proxy, rates, limits, group.next())
    let interval = TimeAmount.nanoseconds(Int64(RateSampler.interval.clampedNanoseconds))
    loop.scheduleRepeatedTask(initialDelay: .zero, delay: interval) { _ in
      let snapshot = proxy.snapshot()
      rates.sample(snapshot)
      limits.look(at: snapshot)
      proxy.returnMemory()
    }
    loop.scheduleRepeatedTask(initialDelay: .minutes(1), delay: .minutes(1)) { _ in proxy.rotateTicketKeys() }
  }

  private var addresses: String {
    proxy.snapshot().listeners.flatMap(\.bound).map(\.description).joined(separator: ",")
  }

  private func close() {
    let socket = statsSocket.withLock { $0.take() }
    socket?.close()
    connectionLog.finish()
    group.shutdownGracefully { _ in }
  }
}
