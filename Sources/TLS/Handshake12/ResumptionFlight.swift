internal import COpenSSL

/// Writes the server's flight of an abbreviated handshake: ServerHello, ChangeCipherSpec, Finished (RFC 5246 sections
/// 7.1, 7.4.1.3, 7.4.9). Lives for one call.
struct ResumptionFlight {
  /// More than it takes, with an application protocol of 255 bytes.
  static let limit = 512
  /// Where the secrets are, in memory that its owner wipes: the randoms in the order of the key block, and the block.
  static let secretCount = 64 + RecordSuite.keyBlockLimit

  let offer: Offer
  let resumed: ResumedSession
  let context: TLSContext
  var writer: FlightWriter
  private let shape: RecordSuite
  private var transcript = copenssl_hash()

  init(
    _ offer: Offer, _ resumed: ResumedSession, _ context: TLSContext, _ output: UnsafeMutableRawBufferPointer
  ) {
    self.offer = offer
    self.resumed = resumed
    self.context = context
    writer = FlightWriter(output)
    shape = RecordSuite(index: resumed.suite)
  }

  /// - Parameters:
  ///   - secrets: room for `secretCount` bytes.
  ///   - expected: where the client's Finished goes, which is known as soon as ours is made.
  /// - Returns: what goes on over the session's new keys; nil when something fails.
  mutating func write(
    _ masterSecret: UnsafeRawBufferPointer, _ secrets: UnsafeMutableRawPointer,
    expected: UnsafeMutableRawPointer
  ) -> RecordLayer? {
    guard drawRandom(secrets) else { return nil }
    copenssl_hash_start(&transcript, shape.secretCount)
    copenssl_hash_add(&transcript, offer.message.baseAddress, offer.message.count)
    writeServerHello(secrets)
    writer.number(Int(ContentType.changeCipherSpec), 1)
    writer.number(0x0303, 2)
    writer.part(2) { $0.number(1, 1) }
    return withUnsafeTemporaryAllocation(of: copenssl_keyed.self, capacity: 1) { memory in
      let keyed = memory.baseAddress!
      copenssl_keyed_start(keyed, shape.secretCount, masterSecret.baseAddress, masterSecret.count)
      defer { copenssl_keyed_wipe(keyed) }
      let block = secrets + 64
      derive(keyed, "key expansion", secrets, 64, into: block, shape.keyBlockCount)
      var records = RecordLayer(tls12: resumed.suite, keyBlock: block)
      guard writeFinished(keyed, &records) else { return nil }
      finish(keyed, "client finished", into: expected)
      return records
    }
  }

  /// The server's random, then the client's (RFC 5246 section 6.3).
  private func drawRandom(_ randoms: UnsafeMutableRawPointer) -> Bool {
    guard context.library.fillRandom(UnsafeMutableRawBufferPointer(start: randoms, count: 32)) else {
      return false
    }
    if context.rules?.resumption.marksDowngrade == true {
      let mark = ResumptionRules.downgradeMark
      mark.withUnsafeBytes {
        (randoms + 32 - $0.count).copyMemory(from: $0.baseAddress!, byteCount: $0.count)
      }
    }
    (randoms + 32).copyMemory(from: offer.random.baseAddress!, byteCount: 32)
    return true
  }

  private mutating func writeServerHello(_ random: UnsafeRawPointer) {
    let record = writer.openRecord(ContentType.handshake)
    let start = writer.count
    writer.number(Int(HandshakeType.serverHello), 1)
    let message = writer.open(3)
    writer.number(0x0303, 2)
    writer.bytes(random, 32)
    // By this the client sees that its session is resumed (RFC 5077 section 3.4).
    writer.part(1) { [offer] in $0.bytes(offer.sessionID) }
    writer.number(Int(shape.suite.id), 2)
    writer.number(0, 1)
    writer.part(2) { [self] in writeExtensions(&$0) }
    writer.close(message, 3)
    addToTranscript(from: start)
    writer.close(record, 2)
  }

  private func writeExtensions(_ writer: inout FlightWriter) {
    writer.number(ExtensionType.renegotiationInfo, 2)
    writer.part(2) { $0.number(0, 1) }
    if let index = resumed.protocolIndex {
      writer.number(ExtensionType.alpn, 2)
      let name = context.protocols[index]
      writer.part(2) {
        $0.part(2) { $0.part(1) { writer in name.withUnsafeBytes { writer.bytes($0) } } }
      }
    }
    writer.number(ExtensionType.extendedMasterSecret, 2)
    writer.number(0, 2)
  }

  private mutating func addToTranscript(from start: Int) {
    let bytes = writer.written(from: start)
    copenssl_hash_add(&transcript, bytes.baseAddress, bytes.count)
  }

  /// The first record that is sealed.
  private mutating func writeFinished(
    _ masterSecret: UnsafePointer<copenssl_keyed>, _ records: inout RecordLayer
  ) -> Bool {
    // Its header is written when it is sealed.
    _ = writer.fill { _ in shape.prefixCount }
    let start = writer.count
    let content = writer.room.baseAddress! + start
    finish(masterSecret, "server finished", into: content)
    _ = writer.fill { _ in ResumptionMemory.finishedCount }
    addToTranscript(from: start)
    _ = writer.fill { _ in RecordSuite.tagCount }
    return records.sealTLS12(
      ContentType.handshake, content, ResumptionMemory.finishedCount, context.library)
  }

  /// A whole Finished, over all messages so far.
  private func finish(
    _ masterSecret: UnsafePointer<copenssl_keyed>, _ label: StaticString, into result: UnsafeMutableRawPointer
  ) {
    result.storeBytes(of: UInt32(HandshakeType.finished).littleEndian, as: UInt32.self)
    result.storeBytes(of: 12, toByteOffset: 3, as: UInt8.self)
    withUnsafeTemporaryAllocation(byteCount: shape.secretCount, alignment: 8) { hash in
      withUnsafePointer(to: transcript) { copenssl_hash_peek($0, hash.baseAddress) }
      derive(masterSecret, label, hash.baseAddress!, hash.count, into: result + 4, 12)
    }
  }

  /// RFC 5246 section 5.
  private func derive(
    _ secret: UnsafePointer<copenssl_keyed>, _ label: StaticString, _ seed: UnsafeRawPointer,
    _ seedCount: Int,
    into result: UnsafeMutableRawPointer, _ count: Int
  ) {
    copenssl_prf(secret, label.utf8Start, label.utf8CodeUnitCount, seed, seedCount, result, count)
  }
}
