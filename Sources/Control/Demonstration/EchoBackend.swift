public import Basics
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOWebSocket

/// A WebSocket server on a loopback port that sends everything back; to other requests for `/` it answers with
/// a page that tries it. For the demonstration and for tests.
public final class EchoBackend: Sendable {
  /// Bytes of a frame at most; a larger one ends the connection.
  static let frameLimit = 16 << 20

  private let group: MultiThreadedEventLoopGroup
  private let channel: any Channel
  public let address: Endpoint

  /// Listens on 127.0.0.1 with a port that the kernel picks.
  public init() throws(ControlError) {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    do {
      channel = try ServerBootstrap(group: group)
        .serverChannelOption(.backlog, value: 1024)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelInitializer(Self.initialize)
        .bind(host: "127.0.0.1", port: 0).wait()
    } catch {
      group.shutdownGracefully { _ in }
      throw ControlError("the echo backend can't listen: \(error)")
    }
    self.group = group
    address = .ip(IPAddress(ipv4: 0x7f00_0001), port: UInt16(channel.localAddress?.port ?? 0))
  }

  /// Ends it with all its connections. Blocks.
  public func close() {
    try? channel.close().wait()
    try? group.syncShutdownGracefully()
  }

  @Sendable private static func initialize(_ channel: any Channel) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      let upgrader = NIOWebSocketServerUpgrader(
        maxFrameSize: frameLimit,
        shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
        upgradePipelineHandler: { channel, _ in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(FrameEcho())
          }
        })
      let page = PageHandler()
      let loopBound = NIOLoopBound(page, eventLoop: channel.eventLoop)
      try channel.pipeline.syncOperations.configureHTTPServerPipeline(
        withServerUpgrade: (
          upgraders: [upgrader],
          completionHandler: { context in
            context.pipeline.syncOperations.removeHandler(loopBound.value, promise: nil)
          }
        ))
      try channel.pipeline.syncOperations.addHandler(page)
    }
  }
}
