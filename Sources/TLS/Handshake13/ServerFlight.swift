internal import COpenSSL

/// Writes the server's part of the handshake (RFC 8446 section 4), from the ServerHello to the Finished, and derives
/// what comes after. Lives for one call.
struct ServerFlight {
  let offer: Offer
  let agreement: Agreement
  let context: TLSContext
  /// The place of the ticket that is resumed, whose early secret is in `secrets`; nil for a full handshake.
  let ticket: Int?
  /// For a full handshake.
  let signer: Signer?
  let secrets: FlightSecrets
  var writer: FlightWriter
  let shape: RecordSuite
  let schedule: KeySchedule
  var transcript = copenssl_hash()

  init(
    _ offer: Offer, _ agreement: Agreement, _ context: TLSContext, ticket: Int?, signer: Signer?,
    secrets: FlightSecrets, output: UnsafeMutableRawBufferPointer
  ) {
    self.offer = offer
    self.agreement = agreement
    self.context = context
    self.ticket = ticket
    self.signer = signer
    self.secrets = secrets
    writer = FlightWriter(output)
    shape = RecordSuite(index: agreement.suite)
    schedule = KeySchedule(hashCount: shape.secretCount)
  }

  /// More than the flight takes.
  var limit: Int { 1024 + (signer.map { $0.certificate.longest + $0.limit } ?? 0) }

  /// False when something fails; then nothing of it counts. The output has room for `limit` bytes.
  mutating func write(to memory: borrowing HandshakeMemory) -> Bool {
    copenssl_hash_start(&transcript, shape.secretCount)
    copenssl_hash_add(&transcript, offer.message.baseAddress, offer.message.count)
    guard secrets.draw(context.library), writeServerHello(memory) else { return false }
    // For what stands between, which takes the first records for TLS 1.2's (appendix D.4).
    if !offer.sessionID.isEmpty {
      writer.number(Int(ContentType.changeCipherSpec), 1)
      writer.number(0x0303, 2)
      writer.part(2) { $0.number(1, 1) }
    }
    deriveHandshakeSecrets(from: memory)
    guard writeEncrypted() else { return false }
    deriveApplicationSecrets(to: memory)
    deriveClientsFinish(to: memory)
    return true
  }

  /// What a message's writing adds to the transcript.
  private mutating func message(_ type: UInt8, _ body: (inout ServerFlight) -> Bool) -> Bool {
    let start = writer.count
    writer.number(Int(type), 1)
    let content = writer.open(3)
    guard body(&self) else { return false }
    writer.close(content, 3)
    addToTranscript(from: start)
    return true
  }

  private mutating func addToTranscript(from start: Int) {
    let bytes = writer.written(from: start)
    copenssl_hash_add(&transcript, bytes.baseAddress, bytes.count)
  }

  /// The hash of all messages so far.
  func peek() -> UnsafeMutableRawPointer {
    withUnsafePointer(to: transcript) { copenssl_hash_peek($0, secrets[.hash]) }
    return secrets[.hash]
  }
}

// The ServerHello (section 4.1.3).
extension ServerFlight {
  private mutating func writeServerHello(_ memory: borrowing HandshakeMemory) -> Bool {
    let share = memory.bytes(.share, Int(memory.state.pointee.shareCount))
    let record = writer.openRecord(ContentType.handshake)
    let isWritten = message(HandshakeType.serverHello) { flight in
      flight.writer.number(0x0303, 2)
      flight.writer.bytes(flight.secrets.serverRandom, 32)
      flight.writer.part(1) { $0.bytes(flight.offer.sessionID) }
      flight.writer.number(Int(flight.shape.suite.id), 2)
      flight.writer.number(0, 1)
      let extensions = flight.writer.open(2)
      flight.writeHelloExtensions(share)
      flight.writer.close(extensions, 2)
      return true
    }
    writer.close(record, 2)
    return isWritten
  }

  private mutating func writeHelloExtensions(_ share: UnsafeRawBufferPointer) {
    writer.number(ExtensionType.versions, 2)
    writer.part(2) { $0.number(0x0304, 2) }
    writer.number(ExtensionType.shares, 2)
    let group = Int(agreement.group)
    writer.part(2) {
      $0.number(group, 2)
      $0.part(2) { $0.bytes(share) }
    }
    guard let ticket else { return }
    writer.number(ExtensionType.preSharedKey, 2)
    writer.part(2) { $0.number(ticket, 2) }
  }
}

// What is encrypted: one record.
extension ServerFlight {
  private mutating func writeEncrypted() -> Bool {
    let header = writer.count
    let content = writer.openRecord(ContentType.applicationData)
    guard writeExtensions(), signer.map({ writeCertificate($0) }) ?? true, writeFinished() else {
      return false
    }
    writer.number(Int(ContentType.handshake), 1)
    let count = writer.count - content
    // The tag, which the header's length counts.
    _ = writer.fill { _ in RecordSuite.tagCount }
    writer.close(content, 2)
    return seal(header, count)
  }

  private mutating func writeExtensions() -> Bool {
    message(HandshakeType.encryptedExtensions) { flight in
      let extensions = flight.writer.open(2)
      if flight.agreement.acknowledgesName {
        flight.writer.number(ExtensionType.serverName, 2)
        flight.writer.number(0, 2)
      }
      if let index = flight.agreement.protocolIndex {
        let name = flight.context.protocols[index]
        flight.writer.number(ExtensionType.alpn, 2)
        flight.writer.part(2) {
          $0.part(2) { $0.part(1) { writer in name.withUnsafeBytes { writer.bytes($0) } } }
        }
      }
      flight.writer.close(extensions, 2)
      return true
    }
  }

  /// The certificate, and the signature that shows its key is ours (sections 4.4.2, 4.4.3).
  private mutating func writeCertificate(_ signer: Signer) -> Bool {
    let start = writer.count
    let now = context.library.wallTime()
    signer.certificate.bytes(wantsStaple: offer.wantsStaple, now).withUnsafeBytes { writer.bytes($0) }
    addToTranscript(from: start)
    let transcript = UnsafeRawBufferPointer(start: peek(), count: shape.secretCount)
    return message(HandshakeType.certificateVerify) { flight in
      flight.writer.number(Int(signer.scheme), 2)
      let signature = flight.writer.open(2)
      guard flight.writer.fill({ signer.sign(transcript, into: $0) }) else { return false }
      flight.writer.close(signature, 2)
      return true
    }
  }

  private mutating func writeFinished() -> Bool {
    let hash = peek()
    return message(HandshakeType.finished) { flight in
      let (schedule, result) = (flight.schedule, flight.secrets[.result])
      schedule.with(flight.secrets[.serverHandshake]) { schedule.finish($0, hash, into: result) }
      flight.writer.bytes(result, schedule.hashCount)
      return true
    }
  }

  /// The first record of the handshake's key, so that the nonce is the IV.
  private func seal(_ header: Int, _ count: Int) -> Bool {
    let key = secrets[.result]
    let iv = secrets[.iv]
    schedule.with(secrets[.serverHandshake]) {
      schedule.expand($0, "key", into: key, shape.keyCount)
      schedule.expand($0, "iv", into: iv, RecordSuite.ivCount)
    }
    return context.library.records.seal(
      writer.room.baseAddress! + header, count, cipher: shape.cipher, key: key, nonce: iv)
  }
}
