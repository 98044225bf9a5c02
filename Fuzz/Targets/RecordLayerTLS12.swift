@testable import TLS

/// Records of TLS 1.2 that the input describes say the same whatever the pieces they come in.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  guard let first = input.bytes.first else { return 0 }
  let suite = RecordSuite.tls13Count + first % (RecordSuite.allCount - RecordSuite.tls13Count)
  let stream = RecordScript.stream(Array(input.bytes.dropFirst()), suite)
  let whole = RecordScript.open([stream], suite)
  let lengths = input.bytes.suffix(4).map { Int($0) * 7 + 1 }
  expectSame(whole, RecordScript.open(RecordScript.cut(stream, lengths), suite))
  return 0
}

/// What both ways of opening came to.
private struct Opened: Equatable {
  var data: [UInt8] = []
  var status = OpenProgress.Status.wantsInput(missing: 5)
  var owesRefusal = false
}

/// Triples of a kind, a length and as many bytes, made into what a client sends.
private enum RecordScript {
  nonisolated(unsafe) private static let library = try! TLSLibrary()

  private static func makeLayer(isClient: Bool, _ suite: UInt8) -> RecordLayer {
    let shape = RecordSuite(index: suite)
    let keys = (1...2).map { [UInt8](repeating: $0, count: shape.keyCount) }
    let ivs = (3...4).map { [UInt8](repeating: $0, count: shape.derivedIVCount) }
    let (first, second) = isClient ? (1, 0) : (0, 1)
    let block = keys[first] + keys[second] + ivs[first] + ivs[second]
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: block.count, alignment: 1)
    defer { memory.deallocate() }
    memory.copyBytes(from: block)
    return RecordLayer(tls12: suite, keyBlock: UnsafeRawPointer(memory.baseAddress!))
  }

  static func stream(_ script: [UInt8], _ suite: UInt8) -> [UInt8] {
    var client = makeLayer(isClient: true, suite)
    var stream: [UInt8] = []
    var rest = script[...]
    while let kind = rest.popFirst(), let length = rest.popFirst() {
      let content = Array(rest.prefix(Int(length)))
      rest = rest.dropFirst(content.count)
      switch kind % 8 {
      case 0: stream += content
      case 1: stream += seal(kind, content, &client)
      case 2: stream += seal(22, [1, 0, 0, length] + content, &client)
      case 3: stream += seal(22, content, &client)
      case 4: stream += seal(21, content, &client)
      case 5: stream += seal(23, content + [UInt8](repeating: 0, count: Int(length) * 64), &client)
      default: stream += seal(23, content, &client)
      }
    }
    return stream
  }

  private static func seal(_ type: UInt8, _ content: [UInt8], _ client: inout RecordLayer) -> [UInt8] {
    let prefix = client.suite.prefixCount
    var record = [UInt8](repeating: 0, count: prefix) + content
    record += [UInt8](repeating: 0, count: RecordSuite.tagCount)
    let isSealed = record.withUnsafeMutableBytes {
      client.sealTLS12(type, $0.baseAddress! + prefix, content.count, library)
    }
    precondition(isSealed)
    return record
  }

  static func cut(_ stream: [UInt8], _ lengths: [Int]) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var start = 0
    while start < stream.count {
      let end = min(stream.count, start + lengths[pieces.count % lengths.count])
      pieces.append(Array(stream[start..<end]))
      start = end
    }
    return pieces
  }

  /// Opens what has come after each piece.
  static func open(_ pieces: [[UInt8]], _ suite: UInt8) -> Opened {
    var server = makeLayer(isClient: false, suite)
    var opened = Opened()
    var pending: [UInt8] = []
    for piece in pieces {
      pending += piece
      // In memory of its own, so that the sanitizer sees its ends.
      var input = pending
      let progress = input.withUnsafeMutableBytes { server.open($0, library: library) }
      precondition(progress.consumed <= pending.count && progress.data.upperBound <= progress.consumed)
      opened.data += input[progress.data]
      opened.status = progress.status
      opened.owesRefusal = server.owesRefusal
      pending.removeFirst(progress.consumed)
      switch progress.status {
      case .wantsInput(let missing): precondition(missing > 0, "nothing is missing, and yet it waits")
      case .closed, .failed: return opened
      }
    }
    return opened
  }
}
