// The end.
extension Handshake13 {
  private func makeRecords() -> RecordLayer? {
    let shape = RecordSuite(index: state.pointee.suite)
    return RecordLayer.make(
      suite: shape.suite, receiving: memory.bytes(.clientSecret, shape.secretCount),
      sending: memory.bytes(.serverSecret, shape.secretCount), sent: 0)
  }

  mutating func finish(
    _ output: UnsafeMutableRawBufferPointer, _ progress: inout HandshakeProgress
  ) {
    guard var records = makeRecords() else { return fail(.internalError, output, &progress) }
    if state.pointee.owesTicket { progress.produced = writeTicket(&records, output) }
    self.records = consume records
    state.pointee.phase = .done
    progress.step = .done
    memory.wipeSecrets()
  }

  /// Tells the client why, with the key that our data would have had.
  mutating func fail(
    _ failure: TLSFailure, _ output: UnsafeMutableRawBufferPointer, _ progress: inout HandshakeProgress
  ) {
    state.pointee.phase = .failed(failure)
    progress.step = .failed(failure)
    if var records = makeRecords() {
      progress.produced = records.alert(for: failure, output: output, library: context.library)
      records.forgetKeys(library: context.library)
    }
    memory.wipeSecrets()
  }

  /// Gives the client a ticket (RFC 8446 section 4.6.1), where the output has room for it and nothing fails.
  /// - Returns: bytes of output to be sent.
  private func writeTicket(_ records: inout RecordLayer, _ output: UnsafeMutableRawBufferPointer) -> Int {
    guard let key = context.ticketKeys?.sealing, output.count >= 64 + Ticket.limit else { return 0 }
    let (library, lifetime) = (context.library, context.configuration.ticketSeconds)
    let ticket = Ticket(
      suite: cipherSuite.id, given: library.wallTime(), lifetime: UInt32(truncatingIfNeeded: lifetime))
    let secret = memory.bytes(.ticketSecret, RecordSuite(index: state.pointee.suite).secretCount)
    let (vector, identity) = (memory[.vector], served.identity)
    var writer = FlightWriter(output)
    _ = writer.openRecord(ContentType.applicationData)
    writer.number(Int(HandshakeType.newSessionTicket), 1)
    let message = writer.open(3)
    writer.number(lifetime, 4)
    writer.bytes(memory[.ageAdd], 4)
    writer.number(0x0100, 2)  // The nonce: a zero.
    let sealed = writer.open(2)
    guard
      writer.fill({
        ticket.seal(secret, key: key, vector: vector, identity: identity, context: context, into: $0)
      })
    else { return 0 }
    writer.close(sealed, 2)
    writer.number(0, 2)  // No extensions.
    writer.close(message, 3)
    writer.number(Int(ContentType.handshake), 1)
    guard records.sealInner(output.baseAddress!, writer.count - RecordLayer.headerCount, library) else {
      return 0
    }
    return writer.count + RecordSuite.tagCount
  }
}
