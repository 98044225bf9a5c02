@testable import TLS

/// Records that the input describes say the same whatever the pieces they come in.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  let stream = RecordScript.stream(input.bytes)
  let whole = RecordScript.open([stream])
  let lengths = input.bytes.isEmpty ? [1] : input.bytes.suffix(4).map { Int($0) * 7 + 1 }
  expectSame(whole, RecordScript.open(RecordScript.cut(stream, lengths)))
  return 0
}

/// What both ways of opening came to.
private struct Opened: Equatable {
  var data: [UInt8] = []
  var status = OpenProgress.Status.wantsInput(missing: 5)
}

/// Triples of a kind, a length and as many bytes, made into what a client sends.
private enum RecordScript {
  nonisolated(unsafe) private static let library = try! TLSLibrary()

  private static func secret(_ byte: UInt8) -> UnsafeRawBufferPointer {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 1)
    bytes.initializeMemory(as: UInt8.self, repeating: byte)
    return UnsafeRawBufferPointer(bytes)
  }

  nonisolated(unsafe) private static let secrets = (client: secret(1), server: secret(2))

  private static func makeLayer(isClient: Bool) -> RecordLayer {
    RecordLayer.make(
      suite: .aes128GCM, receiving: isClient ? secrets.server : secrets.client,
      sending: isClient ? secrets.client : secrets.server, sent: 0)!
  }

  static func stream(_ script: [UInt8]) -> [UInt8] {
    var client = makeLayer(isClient: true)
    var stream: [UInt8] = []
    var rest = script[...]
    while let kind = rest.popFirst(), let length = rest.popFirst() {
      let content = Array(rest.prefix(Int(length)))
      rest = rest.dropFirst(content.count)
      switch kind % 8 {
      case 0: stream += content
      case 1: stream += seal(content, &client)
      case 2:
        stream += seal([24, 0, 0, 1, length & 1, 22], &client)
        client.update(.sending, library)
      case 3: stream += seal(content + [22], &client)
      case 4: stream += seal(content + [21], &client)
      case 5: stream += seal(content + [23] + [UInt8](repeating: 0, count: Int(length) * 64), &client)
      default: stream += seal(content + [23], &client)
      }
    }
    return stream
  }

  private static func seal(_ inner: [UInt8], _ client: inout RecordLayer) -> [UInt8] {
    var record = [UInt8](repeating: 0, count: RecordLayer.headerCount)
    record += inner
    record += [UInt8](repeating: 0, count: RecordSuite.tagCount)
    let isSealed = record.withUnsafeMutableBytes {
      client.sealInner($0.baseAddress!, inner.count, library)
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

  /// Opens what has come after each piece; asks again after a failure that data came before.
  static func open(_ pieces: [[UInt8]]) -> Opened {
    var server = makeLayer(isClient: false)
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
      pending.removeFirst(progress.consumed)
      switch progress.status {
      case .wantsInput(let missing): precondition(missing > 0, "nothing is missing, and yet it waits")
      case .closed, .failed: return opened
      }
    }
    return opened
  }
}
