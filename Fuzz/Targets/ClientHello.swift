import Wire

/// A hello is the same whatever the pieces it comes in.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  var whole = ClientHelloScanner()
  var parts = ClientHelloScanner()
  let inPieces = input.firstAnswer { bytes -> ClientHelloScan? in
    let result = parts.scan(bytes.span)
    return result == .incomplete ? nil : result
  }
  expectSame(whole.scan(input.bytes.span), inPieces ?? .incomplete)
  return 0
}
