internal import NIOCore
internal import NIOHTTP1

/// Answers requests that are no upgrade: the page at `/`, 404 elsewhere; one request a connection.
final class PageHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private var head: HTTPRequestHead?

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end:
      if let head { answer(head, context) }
      head = nil
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func answer(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let (status, type, text) = content(for: request)
    let body = ByteBuffer(string: text)
    let headers: HTTPHeaders = [
      "Content-Type": type, "Content-Length": "\(body.readableBytes)", "Connection": "close",
      "Cache-Control": "no-store",
    ]
    let response = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
    context.write(wrapOutboundOut(.head(response)), promise: nil)
    if request.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
  }

  private func content(for request: HTTPRequestHead) -> (HTTPResponseStatus, type: String, text: String) {
    let path = request.uri.split(separator: "?", omittingEmptySubsequences: false).first ?? ""
    guard request.method == .GET || request.method == .HEAD else {
      return (.methodNotAllowed, "text/plain; charset=utf-8", "only GET and HEAD\n")
    }
    guard path == "/" else { return (.notFound, "text/plain; charset=utf-8", "nothing is here; try /\n") }
    return (.ok, "text/html; charset=utf-8", EchoPage.html)
  }
}
