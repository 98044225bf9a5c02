import Basics
import Wire

/// Scanning in pieces is scanning at once; what is accepted can be rewritten, and the result is accepted too.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  var whole = HeadScanner(limit: 1024)
  var parts = HeadScanner(limit: 1024)
  let scan = whole.scan(input.bytes.span)
  let inPieces = input.firstAnswer { bytes -> HeadScan? in
    let result = parts.scan(bytes.span)
    return result == .incomplete ? nil : result
  }
  expectSame(scan, inPieces ?? .incomplete)
  let direct = RequestHead.parse(input.bytes.span)
  guard case .complete(let length) = scan else {
    if case .success = direct, input.bytes.count <= 1024 {
      fatalError("a head that the scanner doesn't accept")
    }
    return 0
  }
  let raw = Array(input.bytes[..<length])
  guard case .success(let head) = RequestHead.parse(raw.span) else { return 0 }
  for forwarding in [nil, Forwarding(client: IPAddress(ipv4: 1), isSecure: true)] {
    var output: [UInt8] = []
    if head.isUpgrade {
      head.writeUpgrade(to: &output, head: raw.span, forwarding: forwarding)
    } else {
      head.writePlain(to: &output, head: raw.span, forwarding: forwarding)
    }
    let again = try? RequestHead.parse(output.span, limits: HeadLimits(bytes: 8192, fields: 200)).get()
    expectSame(again?.body, head.body)
    expectSame(again?.isUpgrade, head.isUpgrade)
  }
  return 0
}
