import Wire

/// A body ends at the same byte whatever the pieces it comes in.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  for kind in [BodyKind.chunked, .length(300), .untilClose, .none] {
    var whole = BodyFramer(kind)
    var parts = BodyFramer(kind)
    let progress = whole.consume(input.bytes.span)
    precondition(progress.count <= input.bytes.count)
    var total = 0
    var state = progress.state
    if !input.bytes.isEmpty { state = .more }
    for piece in input.pieces where state == .more {
      let step = parts.consume(piece.span)
      total += step.count
      state = step.state
    }
    expectSame(progress.count, total)
    expectSame(progress.state, state)
  }
  return 0
}
