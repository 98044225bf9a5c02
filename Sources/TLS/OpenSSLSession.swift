internal import COpenSSL

/// The server's side of one TLS connection, by OpenSSL.
struct OpenSSLSession: ~Copyable {
  /// What a record's header, nonce and tag take, and an answer to a KeyUpdate that goes first.
  private static let overhead = TLSSession.recordRoom - plaintextLimit
  /// The most that one record carries (RFC 8446 section 5.1).
  private static let plaintextLimit = 16384
  /// Less than this isn't worth a record of its own while more waits.
  private static let smallestPart = 1024

  let ssl: OpaquePointer
  /// Holds the context that callbacks are handed, and through it the library.
  private let context: TLSContext
  private var exchange: UnsafeMutablePointer<Exchange> { context.library.exchange }
  /// Set once the connection has failed: OpenSSL isn't asked again.
  private var failure: TLSFailure?
  /// Nil where our record layer won't take over.
  private var secrets: TrafficSecrets?
  /// Tickets made so far: in TLS 1.3 each is a record of the application's keys.
  private var ticketsMade = 0

  /// Nil when memory is short.
  init?(context: TLSContext) {
    guard let ssl = SSL_new(context.standard.context) else {
      ERR_clear_error()
      return nil
    }
    self.context = context
    self.ssl = ssl
    secrets = context.configuration.recordLayer == .tidegate ? TrafficSecrets() : nil
    // One reference serves as reader and writer.
    BIO_up_ref(context.library.bio)
    SSL_set_bio(ssl, context.library.bio, context.library.bio)
    SSL_set_accept_state(ssl)
    context.library.sessionCount += 1
  }

  deinit {
    SSL_free(ssl)
    context.library.sessionCount -= 1
  }

  /// Goes on with the handshake until it is over or can't go on.
  mutating func handshake(
    input: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer
  ) -> HandshakeProgress {
    if let failure { return HandshakeProgress(step: .failed(failure), consumed: 0, produced: 0) }
    begin(input, output)
    copenssl_set_secrets(context.library.derivations, secrets?.memory)
    let result = SSL_do_handshake(ssl)
    copenssl_set_secrets(context.library.derivations, nil)
    ticketsMade += exchange.pointee.ticketsMade
    let step: HandshakeProgress.Step =
      if result == 1 {
        .done
      } else {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: .wantsInput
        case SSL_ERROR_WANT_WRITE: .wantsRoom
        default: .failed(fail())
        }
      }
    let (consumed, produced) = end(input, output)
    return HandshakeProgress(step: step, consumed: consumed, produced: produced)
  }

  mutating func read(
    input: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer,
    output: UnsafeMutableRawBufferPointer
  ) -> ReadProgress {
    if let failure { return ReadProgress(status: .failed(failure), consumed: 0, read: 0, produced: 0) }
    begin(input, output)
    var read = 0
    let status = fill(room, &read)
    let (consumed, produced) = end(input, output)
    return ReadProgress(status: status, consumed: consumed, read: read, produced: produced)
  }

  private mutating func fill(
    _ room: UnsafeMutableRawBufferPointer, _ read: inout Int
  ) -> ReadProgress.Status {
    while read < room.count {
      var count = 0
      if SSL_read_ex(ssl, room.baseAddress! + read, room.count - read, &count) == 1 {
        read += count
        continue
      }
      switch SSL_get_error(ssl, 0) {
      case SSL_ERROR_WANT_READ: return read > 0 ? .data : .wantsInput
      case SSL_ERROR_WANT_WRITE: return .wantsRoom
      case SSL_ERROR_ZERO_RETURN: return .closed
      default: return .failed(fail())
      }
    }
    return .data
  }

  mutating func write(
    _ data: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer
  ) -> WriteProgress {
    if let failure { return WriteProgress(status: .failed(failure), written: 0, produced: 0) }
    begin(UnsafeRawBufferPointer(start: nil, count: 0), output)
    var written = 0
    var status = WriteProgress.Status.written
    while written < data.count, status == .written {
      let left = data.count - written
      // OpenSSL must never be left with half a record: a retry would have to bring the same bytes again.
      let part = min(left, Self.plaintextLimit, exchange.pointee.outputLeft - Self.overhead)
      guard part == left || part >= Self.smallestPart else {
        status = .wantsRoom
        break
      }
      var count = 0
      if SSL_write_ex(ssl, data.baseAddress! + written, part, &count) == 1 {
        written += count
      } else {
        status = .failed(fail())
      }
    }
    let (_, produced) = end(UnsafeRawBufferPointer(start: nil, count: 0), output)
    return WriteProgress(status: status, written: written, produced: produced)
  }

  /// Tells the peer that no more data comes. Reading may go on.
  /// - Returns: bytes of output to be sent; none when it was said before or the connection isn't established.
  mutating func closeNotify(output: UnsafeMutableRawBufferPointer) -> Int {
    guard failure == nil, SSL_is_init_finished(ssl) == 1 else { return 0 }
    begin(UnsafeRawBufferPointer(start: nil, count: 0), output)
    if SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN == 0 { _ = SSL_shutdown(ssl) }
    if ERR_peek_error() != 0 { ERR_clear_error() }
    return end(UnsafeRawBufferPointer(start: nil, count: 0), output).produced
  }

  /// Points the exchange at this connection's bytes, and starts with an empty error queue: `SSL_get_error`
  /// would take what is left there for this call's.
  private func begin(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) {
    if ERR_peek_error() != 0 { ERR_clear_error() }
    exchange.pointee = Exchange(
      input: input.baseAddress, inputLeft: input.count, output: output.baseAddress, outputLeft: output.count,
      context: Unmanaged.passUnretained(context))
  }

  /// Takes the exchange back.
  /// - Returns: what was taken of the input and put into the output.
  private func end(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) -> (consumed: Int, produced: Int) {
    let result = (input.count - exchange.pointee.inputLeft, output.count - exchange.pointee.outputLeft)
    exchange.pointee = Exchange()
    return result
  }

  private mutating func fail() -> TLSFailure {
    let found = TLSFailure.takeFromQueue(started: SSL_get_state(ssl) != TLS_ST_BEFORE)
    failure = found
    return found
  }
}

// What comes after.
extension OpenSSLSession {
  /// Makes the record layer that goes on in this session's place, once the handshake is done. The session
  /// is then to be dropped.
  /// - Returns: nil when the session must go on by itself: TLS 1.2, or the configuration says so.
  mutating func handOver() -> RecordLayer? {
    guard failure == nil, secrets != nil, SSL_is_init_finished(ssl) == 1, version == .tls13,
      SSL_has_pending(ssl) == 0, SSL_get_shutdown(ssl) == 0
    else { return nil }
    let taken = secrets.take()
    guard let taken else { return nil }
    return RecordLayer.make(
      suite: cipherSuite, receiving: taken.client, sending: taken.server, sent: UInt64(ticketsMade))
  }
}

// What was agreed on; once the handshake is done.
extension OpenSSLSession {
  var version: TLSVersion { SSL_version(ssl) == TLS1_3_VERSION ? .tls13 : .tls12 }

  var cipherSuite: CipherSuite {
    CipherSuite(id: SSL_get_current_cipher(ssl).map { SSL_CIPHER_get_protocol_id($0) } ?? 0)
  }

  /// True exactly when a ticket of an earlier connection spared the certificate and its signature.
  var isResumed: Bool { SSL_session_reused(ssl) == 1 }

  /// The name that the client asked for (RFC 6066 section 3), as it sent it.
  var serverName: String? {
    SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
  }

  /// The application protocol agreed on; nil when the client named none.
  var applicationProtocol: String? {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(ssl, &name, &count)
    guard let name, count > 0 else { return nil }
    return String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
  }
}
