/// The server's side of one TLS connection: bytes in, bytes out, no I/O. A handshake of TLS 1.3, and a resumption of TLS
/// 1.2, that has nothing unusual about it is our own; OpenSSL makes all others, and goes on where no record layer of
/// ours does.
///
/// Belongs to its library's thread. No call keeps a pointer that it was given.
public struct TLSSession: ~Copyable {
  /// A record of 16384 bytes is at most this long, with what OpenSSL may put before it.
  public static let recordRoom = 16640

  private let context: TLSContext
  // One of them, from the first bytes of the client on.
  var own: Handshake13?
  var resumption: Resumption?
  var openSSL: OpenSSLSession?

  /// Nil when memory is short.
  public init?(context: TLSContext) {
    self.context = context
    guard context.rules == nil else { return }
    openSSL = OpenSSLSession(context: context)
    guard openSSL != nil else { return nil }
  }

  /// Does half of what the answer to a ClientHello costs, its key exchange, so that the caller can see to others
  /// before the rest. Takes nothing of the input: `handshake` is to get the same.
  /// - Returns: false when there was nothing to do ahead.
  public mutating func prepare(input: UnsafeRawBufferPointer) -> Bool {
    guard openSSL == nil, own == nil, resumption == nil, let offer = Offer.read(input), offer.offersTLS13
    else { return false }
    own = Handshake13.prepare(offer, context)
    return own != nil
  }

  /// Goes on with the handshake until it is over or can't go on.
  public mutating func handshake(
    input: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer
  ) -> HandshakeProgress {
    if openSSL != nil { return openSSL!.handshake(input: input, output: output) }
    if own?.state.pointee.isBegun == true || resumption != nil { return goOn(input, output) }
    return begin(input, output)
  }

  private mutating func begin(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) -> HandshakeProgress {
    var progress = HandshakeProgress(step: .wantsInput, consumed: 0, produced: 0)
    if let offer = Offer.read(input) {
      if offer.offersTLS13 {
        own = Handshake13.begin(offer, context, prepared: own.take(), output: output, progress: &progress)
      } else {
        own = nil
        resumption = Resumption.begin(offer, context, output: output, progress: &progress)
      }
      if own != nil || resumption != nil { return goOn(behind: progress, input, output) }
    }
    own = nil
    openSSL = OpenSSLSession(context: context)
    guard openSSL != nil else {
      return HandshakeProgress(step: .failed(.internalError), consumed: 0, produced: 0)
    }
    return openSSL!.handshake(input: input, output: output)
  }

  private mutating func goOn(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) -> HandshakeProgress {
    own != nil
      ? own!.goOn(input: input, output: output) : resumption!.goOn(context, input: input, output: output)
  }

  /// Takes what has come behind a ClientHello, seldom anything.
  private mutating func goOn(
    behind first: HandshakeProgress, _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) -> HandshakeProgress {
    guard first.step == .wantsInput, first.consumed < input.count else { return first }
    var progress = goOn(
      UnsafeRawBufferPointer(rebasing: input[first.consumed...]),
      UnsafeMutableRawBufferPointer(rebasing: output[first.produced...]))
    progress.consumed += first.consumed
    progress.produced += first.produced
    return progress
  }

  /// Makes the record layer that goes on in this session's place, once the handshake is done. The session
  /// is then to be dropped.
  /// - Returns: nil when the session must go on by itself: TLS 1.2 by OpenSSL, or the configuration says so.
  public mutating func handOver() -> RecordLayer? {
    if own != nil { return own!.records.take() }
    if resumption != nil { return resumption!.takeRecords() }
    return openSSL?.handOver()
  }
}

// What goes on without a record layer: only OpenSSL's handshakes do.
extension TLSSession {
  /// Opens records until the input is consumed or `room` is full.
  /// - Parameters:
  ///   - room: where the data goes; not empty.
  ///   - output: for alerts.
  public mutating func read(
    input: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer,
    output: UnsafeMutableRawBufferPointer
  ) -> ReadProgress {
    guard openSSL != nil else {
      return ReadProgress(status: .failed(.internalError), consumed: 0, read: 0, produced: 0)
    }
    return openSSL!.read(input: input, into: room, output: output)
  }

  /// Seals data into whole records while the output has room for them.
  /// - Parameter output: `recordRoom` bytes are enough for 16384 bytes of data; with less, `wantsRoom`
  ///   may come before anything is written.
  public mutating func write(
    _ data: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer
  ) -> WriteProgress {
    guard openSSL != nil else {
      return WriteProgress(status: .failed(.internalError), written: 0, produced: 0)
    }
    return openSSL!.write(data, output: output)
  }

  /// Tells the peer that no more data comes. Reading may go on.
  /// - Returns: bytes of output to be sent; none when it was said before or the connection isn't established.
  public mutating func closeNotify(output: UnsafeMutableRawBufferPointer) -> Int {
    guard openSSL != nil else { return 0 }
    return openSSL!.closeNotify(output: output)
  }
}

// What was agreed on; once the handshake is done.
extension TLSSession {
  public var version: TLSVersion {
    switch openSSL {
    case .some(let session): session.version
    case .none: resumption == nil ? .tls13 : .tls12
    }
  }

  public var cipherSuite: CipherSuite {
    switch openSSL {
    case .some(let session): return session.cipherSuite
    case .none: break
    }
    switch own {
    case .some(let handshake): return handshake.cipherSuite
    case .none: break
    }
    switch resumption {
    case .some(let handshake): return handshake.cipherSuite
    case .none: return CipherSuite(id: 0)
    }
  }

  /// True exactly when a ticket of an earlier connection spared the certificate and its signature.
  public var isResumed: Bool {
    switch openSSL {
    case .some(let session): return session.isResumed
    case .none: break
    }
    switch own {
    case .some(let handshake): return handshake.isResumed
    case .none: return resumption != nil
    }
  }

  /// The name that the client asked for (RFC 6066 section 3), as it sent it.
  public var serverName: String? {
    switch openSSL {
    case .some(let session): return session.serverName
    case .none: break
    }
    switch own {
    case .some(let handshake): return handshake.serverName
    case .none: break
    }
    switch resumption {
    case .some(let handshake): return handshake.serverName
    case .none: return nil
    }
  }

  /// The application protocol agreed on; nil when the client named none.
  public var applicationProtocol: String? {
    switch openSSL {
    case .some(let session): return session.applicationProtocol
    case .none: break
    }
    switch own {
    case .some(let handshake): return handshake.applicationProtocol
    case .none: break
    }
    switch resumption {
    case .some(let handshake): return handshake.applicationProtocol(context)
    case .none: return nil
    }
  }

  /// Once the handshake is done, and until the record layer takes over; nil when the client showed none.
  public var clientCertificate: ClientCertificate? {
    switch openSSL {
    case .some(let session): session.clientCertificate
    case .none: nil
    }
  }
}
