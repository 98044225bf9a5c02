internal import COpenSSL

/// Which of the tickets that a client offers its connection resumes (RFC 8446 section 4.2.11).
enum TicketChoice {
  /// One is for OpenSSL.
  case left
  case refused(alert: UInt8)
  case none
  /// Its place. The early secret is where it belongs.
  case chosen(Int)

  /// The first that is ours, alive, and of the hash that was agreed on, as OpenSSL does it.
  static func choose(
    _ offer: Offer, _ agreement: Agreement, _ context: TLSContext, _ secrets: FlightSecrets
  ) -> TicketChoice {
    guard let offered = offer.tickets, offer.takesTickets, context.ticketKeys != nil else { return .none }
    let shape = RecordSuite(index: agreement.suite)
    for index in 0..<OfferedTickets.limit {
      guard let bytes = offered.ticket(index) else { break }
      switch Ticket.open(
        bytes, identity: agreement.served.identity, context: context, secret: secrets[.result])
      {
      case .unknown: continue
      case .foreign: return .left
      case .ours(let ticket):
        guard ticket.secretCount == shape.secretCount, ticket.isAlive(context.library.wallTime()) else {
          continue
        }
        return isBound(offered, index, shape, secrets) ? .chosen(index) : .refused(alert: Alert.decryptError)
      }
    }
    return .none
  }

  /// Whether the client has the ticket's key: the binder is made with it, over the ClientHello up to the binders
  /// (section 4.2.11.2).
  private static func isBound(
    _ offered: OfferedTickets, _ index: Int, _ shape: RecordSuite, _ secrets: FlightSecrets
  ) -> Bool {
    let schedule = KeySchedule(hashCount: shape.secretCount)
    let (key, hash, result) = (secrets[.salt], secrets[.hash], secrets[.result])
    schedule.extract(
      UnsafeRawBufferPointer(start: result, count: shape.secretCount), nil, into: secrets[.early])
    schedule.with(secrets[.early]) { schedule.deriveOfNothing($0, "res binder", into: key) }
    var transcript = copenssl_hash()
    copenssl_hash_start(&transcript, shape.secretCount)
    copenssl_hash_add(&transcript, offered.covered.baseAddress, offered.covered.count)
    copenssl_hash_peek(&transcript, hash)
    schedule.with(key) { schedule.finish($0, hash, into: result) }
    guard let binder = offered.binder(index), binder.count == shape.secretCount else { return false }
    return CRYPTO_memcmp(binder.baseAddress, result, binder.count) == 0
  }
}

extension Ticket {
  fileprivate var secretCount: Int {
    RecordSuite.index(of: CipherSuite(id: suite)).map { RecordSuite(index: $0).secretCount } ?? 0
  }
}
