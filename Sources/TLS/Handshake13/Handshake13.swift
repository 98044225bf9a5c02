internal import COpenSSL

/// The server's side of a TLS 1.3 handshake, by ourselves (RFC 8446): of those that have nothing unusual about them.
/// What is kept between the client's two flights is 830 bytes.
struct Handshake13: ~Copyable {
  let memory = HandshakeMemory()
  let context: TLSContext
  /// Whom the client talks to.
  private(set) var served: ServedCertificates
  /// Who showed the client a certificate; nil in a resumed session.
  private(set) var signer: Signer?
  /// What goes on once the handshake is done.
  var records: RecordLayer?

  var state: UnsafeMutablePointer<HandshakeState> { memory.state }

  private init(_ context: TLSContext, _ served: ServedCertificates) {
    self.context = context
    self.served = served
  }

  /// Makes the key exchange that the answer to a ClientHello needs, ahead of it: half of the answer's work.
  /// - Returns: nil when `begin` is to see to everything.
  static func prepare(_ offer: Offer, _ context: TLSContext) -> Handshake13? {
    guard let agreement = Agreement(offer, context) else { return nil }
    let prepared = Handshake13(context, agreement.served)
    guard prepared.memory.exchange(agreement, context.library) else {
      ERR_clear_error()
      return nil
    }
    return prepared
  }

  /// Answers a ClientHello.
  /// - Parameter prepared: by the same one; of another's, what doesn't fit is made anew.
  /// - Returns: nil when it is for OpenSSL to answer, or to find out what is wrong with it. Then no byte of the
  ///   input was taken, and those written to the output mean nothing.
  static func begin(
    _ offer: Offer, _ context: TLSContext, prepared: consuming Handshake13?,
    output: UnsafeMutableRawBufferPointer, progress: inout HandshakeProgress
  ) -> Handshake13? {
    guard let agreement = Agreement(offer, context) else { return nil }
    var begun = prepared.take() ?? Handshake13(context, agreement.served)
    begun.served = agreement.served
    let isBegun = withUnsafeTemporaryAllocation(byteCount: FlightSecrets.byteCount, alignment: 16) { memory in
      defer { OPENSSL_cleanse(memory.baseAddress, memory.count) }
      let secrets = FlightSecrets(memory: memory.baseAddress!)
      return begun.answer(offer, agreement, secrets, output, &progress)
    }
    guard isBegun else {
      ERR_clear_error()
      return nil
    }
    progress.consumed = offer.recordCount
    return begun
  }

  private mutating func answer(
    _ offer: Offer, _ agreement: Agreement, _ secrets: FlightSecrets,
    _ output: UnsafeMutableRawBufferPointer, _ progress: inout HandshakeProgress
  ) -> Bool {
    var ticket: Int?
    switch TicketChoice.choose(offer, agreement, context, secrets) {
    case .left: return false
    case .refused(let alert): return refuse(alert, output, &progress)
    case .none: break
    case .chosen(let index): ticket = index
    }
    if ticket == nil {
      signer = offer.schemes.flatMap { agreement.served.signer(for: $0) }
      guard signer != nil else { return false }
    }
    guard memory.holdsExchange(for: agreement) || memory.exchange(agreement, context.library) else {
      return false
    }
    remember(offer, agreement, isResumed: ticket != nil)
    var flight = ServerFlight(
      offer, agreement, context, ticket: ticket, signer: signer, secrets: secrets, output: output)
    guard flight.limit <= output.count, flight.write(to: memory) else { return false }
    progress.produced = flight.writer.count
    return true
  }

  private func remember(_ offer: Offer, _ agreement: Agreement, isResumed: Bool) {
    state.pointee.isBegun = true
    state.pointee.suite = agreement.suite
    state.pointee.isResumed = isResumed
    state.pointee.owesTicket = context.ticketKeys != nil && offer.takesTickets
    state.pointee.protocolIndex = agreement.protocolIndex.map { Int32(truncatingIfNeeded: $0) } ?? -1
    guard let name = offer.serverName else { return }
    state.pointee.nameCount = UInt8(truncatingIfNeeded: name.count)
    memory[.name].copyMemory(from: name.baseAddress!, byteCount: name.count)
  }

  /// Ends the handshake with an alert in the clear, before there are keys.
  private func refuse(
    _ alert: UInt8, _ output: UnsafeMutableRawBufferPointer, _ progress: inout HandshakeProgress
  ) -> Bool {
    let failure = TLSFailure.recordError(alert: alert)
    memory.wipeExchange()
    state.pointee.isBegun = true
    state.pointee.phase = .failed(failure)
    progress.step = .failed(failure)
    guard output.count >= 7 else { return true }
    output.copyBytes(from: [ContentType.alert, 3, 3, 0, 2, 2, alert])
    progress.produced = 7
    return true
  }
}

// What was agreed on.
extension Handshake13 {
  var cipherSuite: CipherSuite { RecordSuite(index: state.pointee.suite).suite }
  var isResumed: Bool { state.pointee.isResumed }

  var serverName: String? {
    let count = Int(state.pointee.nameCount)
    return count > 0 ? String(decoding: memory.bytes(.name, count), as: UTF8.self) : nil
  }

  var applicationProtocol: String? {
    let index = Int(state.pointee.protocolIndex)
    return index >= 0 ? context.configuration.applicationProtocols[index] : nil
  }
}
