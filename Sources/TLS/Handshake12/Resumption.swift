internal import COpenSSL

/// The server's side of an abbreviated handshake of TLS 1.2 (RFC 5246 section 7.3, RFC 5077), by ourselves: of those that
/// resume a session by a ticket of OpenSSL's, and have nothing unusual about them.
struct Resumption: ~Copyable {
  let memory: ResumptionMemory

  var state: UnsafeMutablePointer<ResumptionState> { memory.state }

  /// Answers a ClientHello.
  /// - Returns: nil when it is for OpenSSL to answer, or to find out what is wrong with it. Then no byte of the input
  ///   was taken, and those written to the output mean nothing.
  static func begin(
    _ offer: Offer, _ context: TLSContext, output: UnsafeMutableRawBufferPointer,
    progress: inout HandshakeProgress
  ) -> Resumption? {
    guard context.rules?.resumption.isAllowed == true, let ticket = offer.sessionTicket,
      output.count >= ResumptionFlight.limit
    else { return nil }
    var begun: Resumption?
    let count: Int? = StoredSession.open(ticket, context) { session in
      guard let resumed = ResumedSession(session, offer, context) else { return nil }
      let made = Resumption(resumed)
      guard let count = made.answer(session, offer, resumed, context, output) else {
        ERR_clear_error()
        return nil
      }
      begun = consume made
      return count
    }
    guard let count else { return nil }
    progress.consumed = offer.recordCount
    progress.produced = count
    return begun
  }

  private init(_ resumed: ResumedSession) {
    memory = ResumptionMemory(
      ResumptionState(
        suite: resumed.suite, protocolIndex: resumed.protocolIndex.map { Int32(truncatingIfNeeded: $0) } ?? -1
      ),
      serverName: resumed.serverName)
  }

  /// - Returns: bytes of output; nil when something fails.
  private func answer(
    _ session: StoredSession, _ offer: Offer, _ resumed: ResumedSession, _ context: TLSContext,
    _ output: UnsafeMutableRawBufferPointer
  ) -> Int? {
    let (state, expected) = (state, memory[.expected])
    return withUnsafeTemporaryAllocation(byteCount: ResumptionFlight.secretCount, alignment: 16) {
      secrets -> Int? in
      defer { OPENSSL_cleanse(secrets.baseAddress, secrets.count) }
      var flight = ResumptionFlight(offer, resumed, context, output)
      state.pointee.records = flight.write(session.masterSecret, secrets.baseAddress!, expected: expected)
      return state.pointee.records == nil ? nil : flight.writer.count
    }
  }
}

extension Resumption {
  /// Once the client's Finished has come; nil before.
  func takeRecords() -> RecordLayer? {
    guard case .done = state.pointee.phase else { return nil }
    return state.pointee.records.take()
  }
}

// What was agreed on.
extension Resumption {
  var cipherSuite: CipherSuite { RecordSuite(index: state.pointee.suite).suite }

  var serverName: String? {
    let count = state.pointee.nameCount
    guard count > 0 else { return nil }
    return String(decoding: UnsafeRawBufferPointer(start: memory[.name], count: count), as: UTF8.self)
  }

  func applicationProtocol(_ context: TLSContext) -> String? {
    let index = Int(state.pointee.protocolIndex)
    return index >= 0 ? context.configuration.applicationProtocols[index] : nil
  }
}
