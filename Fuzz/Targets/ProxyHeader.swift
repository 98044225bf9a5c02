import Wire

/// A PROXY header is the same whatever the pieces it comes in, and survives being written again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  let whole = ProxyHeader.scan(input.bytes.span)
  let inPieces = input.firstAnswer { bytes -> ProxyHeaderScan? in
    let result = ProxyHeader.scan(bytes.span)
    return result == .incomplete ? nil : result
  }
  expectSame(whole, inPieces ?? .incomplete)
  guard case .complete(let header, let length) = whole else { return 0 }
  precondition(length <= input.bytes.count)
  var output: [UInt8] = []
  header.encodeV2(to: &output, withChecksum: true)
  guard case .complete(let again, let written) = ProxyHeader.scan(output.span, limit: 1 << 17) else {
    fatalError("what was written isn't read")
  }
  expectSame(written, output.count)
  expectSame(again.authority, header.authority.count <= 255 ? header.authority : [])
  var line: [UInt8] = []
  header.encodeV1(to: &line)
  guard case .complete(let inText, let lineLength) = ProxyHeader.scan(line.span) else {
    fatalError("the line that was written isn't read")
  }
  expectSame(lineLength, line.count)
  if header.source?.ipAddress != nil { expectSame(inText.source, header.source) }
  return 0
}
