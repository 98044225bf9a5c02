internal import COpenSSL

// The key schedule.
extension ServerFlight {
  func deriveHandshakeSecrets(from memory: borrowing HandshakeMemory) {
    let (schedule, secrets) = (schedule, secrets)
    if ticket != nil {
      schedule.with(secrets[.early]) { schedule.deriveOfNothing($0, "derived", into: secrets[.salt]) }
    } else {
      schedule.standardSalt.withUnsafeBytes {
        secrets[.salt].copyMemory(from: $0.baseAddress!, byteCount: $0.count)
      }
    }
    schedule.extract(
      memory.bytes(.shared, Int(COPENSSL_SHARED_COUNT)), secrets[.salt], into: secrets[.main])
    memory.wipeExchange()
    let hash = peek()
    schedule.with(secrets[.main]) {
      schedule.derive($0, "c hs traffic", hash, into: secrets[.clientHandshake])
      schedule.derive($0, "s hs traffic", hash, into: secrets[.serverHandshake])
      schedule.deriveOfNothing($0, "derived", into: secrets[.salt])
    }
    schedule.extract(nil, secrets[.salt], into: secrets[.main])
  }

  func deriveApplicationSecrets(to memory: borrowing HandshakeMemory) {
    let hash = peek()
    let (client, server) = (memory[.clientSecret], memory[.serverSecret])
    schedule.with(secrets[.main]) {
      schedule.derive($0, "c ap traffic", hash, into: client)
      schedule.derive($0, "s ap traffic", hash, into: server)
    }
  }

  /// What the client has to answer is known already, and so is what its ticket is made of.
  mutating func deriveClientsFinish(to memory: borrowing HandshakeMemory) {
    let hash = peek()
    let (schedule, shape, expected) = (schedule, shape, memory[.expected])
    let (key, iv) = (memory[.key], memory[.iv])
    let head = UInt32(HandshakeType.finished) << 24 | UInt32(schedule.hashCount)
    expected.storeBytes(of: head.bigEndian, as: UInt32.self)
    schedule.with(secrets[.clientHandshake]) {
      schedule.finish($0, hash, into: expected + 4)
      schedule.expand($0, "key", into: key, shape.keyCount)
      schedule.expand($0, "iv", into: iv, RecordSuite.ivCount)
    }
    guard memory.state.pointee.owesTicket else { return }
    memory[.vector].copyMemory(from: secrets.vector, byteCount: 16)
    memory[.ageAdd].copyMemory(from: secrets.ageAdd, byteCount: 4)
    copenssl_hash_add(&transcript, expected, 4 + schedule.hashCount)
    let (last, resumption, ticketSecret) = (peek(), secrets[.result], memory[.ticketSecret])
    schedule.with(secrets[.main]) { schedule.derive($0, "res master", last, into: resumption) }
    schedule.with(resumption) { Self.deriveTicketSecret($0, schedule, into: ticketSecret) }
  }

  /// Section 4.6.1; the nonce of the only ticket is a zero.
  private static func deriveTicketSecret(
    _ secret: UnsafePointer<copenssl_keyed>, _ schedule: KeySchedule, into result: UnsafeMutableRawPointer
  ) {
    var nonce: UInt8 = 0
    let label: StaticString = "resumption"
    copenssl_expand(
      secret, label.utf8Start, label.utf8CodeUnitCount, &nonce, 1, result, schedule.hashCount)
  }
}
