internal import NIOCore
internal import NIOWebSocket

/// Sends each data frame back as it came, so that fragments stay fragments; answers pings and closes as
/// RFC 6455 section 5.5 says.
final class FrameEcho: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    switch frame.opcode {
    case .text, .binary, .continuation: reply(context, frame, as: frame.opcode)
    case .ping: reply(context, frame, as: .pong)
    case .connectionClose: close(context, frame)
    default: break
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

  /// The client is slow: nothing more is read from it until it has taken what is there.
  func channelWritabilityChanged(context: ChannelHandlerContext) {
    _ = context.channel.setOption(.autoRead, value: context.channel.isWritable)
    context.fireChannelWritabilityChanged()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func reply(_ context: ChannelHandlerContext, _ frame: WebSocketFrame, as opcode: WebSocketOpcode) {
    let echo = WebSocketFrame(fin: frame.fin, opcode: opcode, data: frame.unmaskedData)
    context.write(wrapOutboundOut(echo), promise: nil)
  }

  /// With the client's own code.
  private func close(_ context: ChannelHandlerContext, _ frame: WebSocketFrame) {
    let code = frame.unmaskedData.getSlice(at: frame.unmaskedData.readerIndex, length: 2) ?? ByteBuffer()
    let goodbye = WebSocketFrame(fin: true, opcode: .connectionClose, data: code)
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(goodbye)).whenComplete { _ in bound.value.close(promise: nil) }
  }
}
