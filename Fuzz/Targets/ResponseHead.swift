import Wire

/// What is accepted of a backend is passed on as a head that is accepted too, with the same body.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  for kind in [RequestKind.upgrade, .head, .other] {
    guard case .success(let head) = ResponseHead.parse(input.bytes.span, to: kind) else { continue }
    var output: [UInt8] = []
    head.write(to: &output, head: input.bytes.span)
    let again = try? ResponseHead.parse(output.span, to: kind, limits: HeadLimits(fields: 101)).get()
    expectSame(again?.body, head.body)
    expectSame(again?.status, head.status)
  }
  return 0
}
