internal import NIOCore
internal import NIOPosix

/// A connection to the stats socket: lines in, answers out, one after another.
///
/// Bytes are asked for only when the last line has been answered, so a client can't pile work up.
final class StatsConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  struct Resources: Sendable {
    var pool: NIOThreadPool
    var context: CommandContext
  }

  private var session: CommandSession
  private let resources: Resources
  private var lines = LineBuffer()
  /// True exactly while a line is being answered on the pool.
  private var isBusy = false
  /// True exactly after the client's end of what it sends.
  private var inputHasEnded = false

  init(_ session: CommandSession, _ resources: Resources) {
    self.session = session
    self.resources = resources
  }

  func channelActive(context: ChannelHandlerContext) {
    context.read()
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    lines.append(unwrapInboundIn(data).readableBytesView)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    proceed(context)
    context.fireChannelReadComplete()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case ChannelEvent.inputClosed:
      inputHasEnded = true
      proceed(context)
    case is IdleStateHandler.IdleStateEvent where !isBusy: context.close(promise: nil)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  /// Answers the next line, or asks for more of it. A line without an end isn't run: it may be half a command.
  private func proceed(_ context: ChannelHandlerContext) {
    guard !isBusy else { return }
    switch lines.next() {
    case .line(let line): answer(line, context)
    case .tooLong: finish(context, with: "Line too long.\n\n")
    case nil where inputHasEnded: context.close(promise: nil)
    case nil: context.read()
    }
  }

  private func answer(_ line: String, _ context: ChannelHandlerContext) {
    isBusy = true
    let (session, commands) = (session, resources.context)
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    resources.pool.runIfActive(eventLoop: context.eventLoop) {
      var session = session
      let text = session.answer(line, commands)
      return (session, text)
    }.whenComplete { result in
      let (connection, context) = bound.value
      connection.isBusy = false
      switch result {
      case .success(let (session, text)):
        connection.session = session
        connection.send(text, context)
      case .failure: context.close(promise: nil)
      }
    }
  }

  private func send(_ text: String, _ context: ChannelHandlerContext) {
    guard session.isInteractive, !session.isOver else { return finish(context, with: text) }
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    // The next line waits until the client has taken this answer.
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text))).whenSuccess {
      let (connection, context) = bound.value
      connection.proceed(context)
    }
  }

  private func finish(_ context: ChannelHandlerContext, with text: String) {
    // Nothing further is looked at.
    isBusy = true
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text))).whenComplete { _ in
      bound.value.close(promise: nil)
    }
  }
}
