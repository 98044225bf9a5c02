internal import Basics
internal import Glibc
internal import NIOCore
public import NIOPosix
public import Settings
internal import Synchronization

/// The stats socket: HAProxy's runtime API on a unix stream socket (FORMATS section 1).
///
/// It lives in the control plane on an event loop of its own, so it answers while the workers are saturated.
/// Commands run on threads beside the loop, since some of them block.
public final class StatsSocket: Sendable {
  /// Connections at a time; more are closed at once and counted.
  public static let connectionLimit = 32

  private let file: SocketFile
  private let channel: any Channel
  private let pool: NIOThreadPool
  private let clients: StatsClients

  public var path: String { file.path }

  /// Listens, and answers from now on.
  /// - Parameter idleDeadline: how long a connection may say nothing.
  public init(
    _ settings: Settings.Admin.StatsSocket, group: MultiThreadedEventLoopGroup, context: CommandContext,
    idleDeadline: Duration = .seconds(60)
  ) throws(ControlError) {
    let (file, descriptor) = try SocketFile.listen(at: settings.path, mode: settings.mode)
    // Two: a reload that takes its time doesn't keep `show info` waiting.
    let pool = NIOThreadPool(numberOfThreads: 2)
    let clients = StatsClients(level: settings.level, limit: Self.connectionLimit)
    pool.start()
    do {
      channel = try ServerBootstrap(group: group)
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelOption(.autoRead, value: false)
        .childChannelInitializer { channel in
          clients.welcome(channel, StatsConnection.Resources(pool: pool, context: context), idleDeadline)
        }
        .withBoundSocket(descriptor).wait()
    } catch {
      pool.shutdownGracefully { _ in }
      file.remove()
      throw ControlError("stats socket \(settings.path): \(error)")
    }
    self.file = file
    self.pool = pool
    self.clients = clients
  }

  /// Puts another mode and level in force; the path is the same. Connections keep the level they began with.
  public func apply(_ settings: Settings.Admin.StatsSocket) throws(ControlError) {
    assert(settings.path == path)
    clients.setLevel(settings.level)
    try file.setMode(settings.mode)
  }

  /// Listens no more and removes the file. Blocks: not for an event loop. Answers under way are finished.
  public func close() {
    file.remove()
    try? channel.close().wait()
    pool.shutdownGracefully { _ in }
  }
}

/// Who is connected to a stats socket, and what newcomers may do.
final class StatsClients: Sendable {
  private let level: Mutex<Settings.Admin.Level>
  private let live = Atomic<Int>(0)
  private let limit: Int

  init(level: Settings.Admin.Level, limit: Int) {
    self.level = Mutex(level)
    self.limit = limit
  }

  func setLevel(_ new: Settings.Admin.Level) { level.withLock { $0 = new } }

  /// Sets a new connection's pipeline up, or fails, which closes it, when there are too many.
  func welcome(
    _ channel: any Channel, _ resources: StatsConnection.Resources, _ idleDeadline: Duration
  ) -> EventLoopFuture<Void> {
    guard live.wrappingAdd(1, ordering: .relaxed).newValue <= limit else {
      live.wrappingSubtract(1, ordering: .relaxed)
      resources.context.socketFigures.refused.wrappingAdd(1, ordering: .relaxed)
      return channel.eventLoop.makeFailedFuture(ControlError("too many connections"))
    }
    channel.closeFuture.whenComplete { _ in self.live.wrappingSubtract(1, ordering: .relaxed) }
    let level = level.withLock { $0 }
    return channel.eventLoop.makeCompletedFuture {
      try channel.pipeline.syncOperations.addHandlers([
        IdleStateHandler(allTimeout: .nanoseconds(Int64(clamping: idleDeadline.clampedNanoseconds))),
        StatsConnection(CommandSession(level: level), resources),
      ])
    }
  }
}
