@testable import TLS

/// A record layer and the bytes under way to it, as the proxy has them.
final class RecordLink {
  private(set) var layer: RecordLayer
  let library: TLSLibrary
  /// Sent by the client, not consumed yet.
  var pending: [UInt8] = []

  init(_ layer: consuming RecordLayer, _ library: TLSLibrary) {
    self.layer = layer
    self.library = library
  }

  /// Establishes a connection and takes it over from OpenSSL; nil when the session stays.
  convenience init?(_ context: TLSContext, _ client: TestClient) {
    let link = Link(context)
    guard link.handshake(with: client) == (.established, .done) else { return nil }
    self.init(from: link, context)
  }

  convenience init?(from link: Link, _ context: TLSContext) {
    guard let layer = link.handOver() else { return nil }
    self.init(layer, context.library)
    pending = link.pending
  }

  /// Two layers that talk to each other, over secrets of their own.
  static func pair(
    _ suite: CipherSuite = .aes128GCM, library: TLSLibrary? = nil
  ) throws -> (RecordLink, RecordLink) {
    let library = try library ?? TLSLibrary()
    let count = suite == .aes256GCM ? 48 : 32
    let one = [UInt8](repeating: 1, count: count)
    let two = [UInt8](repeating: 2, count: count)
    func make(_ receiving: [UInt8], _ sending: [UInt8]) -> RecordLink {
      receiving.withUnsafeBytes { receiving in
        sending.withUnsafeBytes { sending in
          RecordLink(
            RecordLayer.make(
              suite: suite, receiving: receiving, sending: sending, sent: 0)!,
            library)
        }
      }
    }
    return (make(one, two), make(two, one))
  }

  /// Two layers of TLS 1.2 that talk to each other; the first is the client's.
  static func pairTLS12(_ suite: UInt8, library: TLSLibrary) -> (RecordLink, RecordLink) {
    let shape = RecordSuite(index: suite)
    let keys = (1...2).map { [UInt8](repeating: $0, count: shape.keyCount) }
    let ivs = (3...4).map { [UInt8](repeating: $0, count: shape.derivedIVCount) }
    func make(_ first: Int, _ second: Int) -> RecordLink {
      let block = keys[first] + keys[second] + ivs[first] + ivs[second]
      return block.withUnsafeBytes {
        RecordLink(RecordLayer(tls12: suite, keyBlock: $0.baseAddress!), library)
      }
    }
    return (make(1, 0), make(0, 1))
  }

  /// The layer of who talks to another's.
  static func peer(of layer: borrowing RecordLayer, _ library: TLSLibrary) -> RecordLink {
    let (memory, shape) = (layer.memory, layer.suite)
    func bytes(_ offset: Int, _ count: Int) -> [UInt8] {
      Array(UnsafeRawBufferPointer(start: memory + offset, count: count))
    }
    let block =
      bytes(shape.key(.sending), shape.keyCount) + bytes(shape.key(.receiving), shape.keyCount)
      + bytes(shape.iv(.sending), shape.derivedIVCount) + bytes(shape.iv(.receiving), shape.derivedIVCount)
    let suite = layer.state.pointee.suite
    return block.withUnsafeBytes { RecordLink(RecordLayer(tls12: suite, keyBlock: $0.baseAddress!), library) }
  }

  /// A record of TLS 1.2 of any type.
  func sealTLS12(_ type: UInt8, _ content: [UInt8]) -> [UInt8] {
    let prefix = layer.suite.prefixCount
    var record = [UInt8](repeating: 0, count: prefix) + content
    record += [UInt8](repeating: 0, count: RecordSuite.tagCount)
    record.withUnsafeMutableBytes {
      precondition(layer.sealTLS12(type, $0.baseAddress! + prefix, content.count, library))
    }
    return record
  }

  var owesRefusal: Bool { layer.owesRefusal }
  func refuseRenegotiation() -> [UInt8] { output { layer.refuseRenegotiation(output: $0, library: library) } }

  func open(_ bytes: UnsafeMutableRawBufferPointer) -> OpenProgress { layer.open(bytes, library: library) }

  var stateCount: Int { layer.stateCount }
  var cipherSuite: CipherSuite { layer.cipherSuite }
  var owesKeyUpdate: Bool { layer.owesKeyUpdate }

  /// Opens what has come, no more than `part` bytes of it at a time.
  func read(from client: TestClient? = nil, part: () -> Int = { .max }) -> (
    bytes: [UInt8], OpenProgress.Status
  ) {
    if let client { pending += client.takeOutput() }
    var bytes: [UInt8] = []
    var count = 0
    while true {
      count = min(pending.count, max(count, part()))
      var input = Array(pending[..<count])
      let progress = input.withUnsafeMutableBytes { layer.open($0, library: library) }
      bytes += input[progress.data]
      pending.removeFirst(progress.consumed)
      guard case .wantsInput(let missing) = progress.status else { return (bytes, progress.status) }
      precondition(missing > 0)
      // Part of a record: it must come with more.
      count = count - progress.consumed + missing
      if count > pending.count { return (bytes, progress.status) }
    }
  }

  /// Seals up to 16384 bytes, all in one record.
  func seal(_ bytes: [UInt8]) -> [UInt8]? {
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: RecordLayer.headRoom + bytes.count + RecordLayer.tailRoom, alignment: 1)
    defer { memory.deallocate() }
    let data = memory.baseAddress! + RecordLayer.headRoom
    UnsafeMutableRawBufferPointer(start: data, count: bytes.count).copyBytes(from: bytes)
    return layer.seal(data, count: bytes.count, library: library).map { Array($0) }
  }

  /// A record with any content, type and padding: what a peer could send that isn't ours.
  func sealInner(_ inner: [UInt8]) -> [UInt8] {
    var record = [UInt8](repeating: 0, count: RecordLayer.headerCount) + inner
    record += [UInt8](repeating: 0, count: RecordSuite.tagCount)
    record.withUnsafeMutableBytes {
      precondition(layer.sealInner($0.baseAddress!, inner.count, library))
    }
    return record
  }

  /// Goes over to the next sending secret without telling the peer.
  func updateSending() { layer.update(.sending, library) }

  func forgetKeys() { layer.forgetKeys(library: library) }

  func setCounters(received: UInt64, sent: UInt64) {
    layer.state.pointee.received = received
    layer.state.pointee.sent = sent
  }

  func closeNotify() -> [UInt8] { output { layer.closeNotify(output: $0, library: library) } }
  func alert(for failure: TLSFailure) -> [UInt8] {
    output { layer.alert(for: failure, output: $0, library: library) }
  }

  private func output(_ body: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: RecordLayer.alertRoom)
    let count = bytes.withUnsafeMutableBytes(body)
    return Array(bytes[..<count])
  }
}
