import Wire

/// The same frames are seen whatever the pieces they come in.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  for sender in [FrameObserver.Sender.client, .backend] {
    var whole = FrameObserver(from: sender)
    var parts = FrameObserver(from: sender)
    let facts = whole.observe(input.bytes.span)
    var total = FrameFacts()
    for piece in input.pieces { total += parts.observe(piece.span) }
    expectSame(facts, total)
    expectSame(whole.isAtFrameBoundary, parts.isAtFrameBoundary)
    expectSame(whole.isInMessage, parts.isInMessage)
    expectSame(whole.sawClose, facts.closes > 0)
  }
  if case .header(let header, let length) = FrameHeader.decode(input.bytes.span) {
    var output: [UInt8] = []
    header.encode(to: &output)
    expectSame(Array(input.bytes[..<length]), output)
  }
  return 0
}
