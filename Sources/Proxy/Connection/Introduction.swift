internal import Basics
internal import Settings
internal import TLS
internal import Wire

/// What a backend is told of a client in a PROXY header, beside the client's address. In memory of its own, from
/// when it is known until the header is written: most connections have nothing of the kind.
final class Introduction {
  /// Where the client has connected to, where a header that came in said so.
  var destination: Endpoint?
  /// Parts of a header of version 2.
  var parts: [UInt8] = []
}

extension Worker where Engine: ~Copyable {
  // MARK: What is told

  /// Keeps what a load balancer's header says for those behind us.
  mutating func keepIntroduction(_ c: ConnectionPointer, _ header: ProxyHeader) {
    guard c.pointee.listener.introduces else { return }
    scratch.removeAll(keepingCapacity: true)
    // Where the client's TLS ends here, we know better than who handed it through.
    if c.pointee.listener.introducesInParts { header.appendParts(to: &scratch, withTLS: !c.pointee.isTLS) }
    guard header.source != nil || !scratch.isEmpty else { return }
    let introduction = Introduction()
    if header.source != nil { introduction.destination = header.destination }
    introduction.parts = Array(scratch[...])
    c.pointee.introduction = introduction
  }

  /// Keeps what is known of the client's TLS. Once the handshake is done, before OpenSSL's object goes.
  mutating func keepTLS(_ c: ConnectionPointer) {
    guard c.pointee.listener.introducesInParts, !c.pointee.isRefused, let session = c.pointee.session?.texts
    else { return }
    scratch.removeAll(keepingCapacity: true)
    if let kept = c.pointee.introduction { scratch.append(contentsOf: kept.parts) }
    ProxyHeaderPart.alpn.append(session.applicationProtocol, to: &scratch)
    ProxyHeaderPart.authority.append(session.serverName, to: &scratch)
    ProxyHeader.TLSTexts(session).append(to: &scratch)
    let introduction = c.pointee.introduction ?? Introduction()
    introduction.parts = Array(scratch[...])
    c.pointee.introduction = introduction
  }

  // MARK: The header

  /// Puts the PROXY header that the pool wants ahead of all that its backend is sent: now, or when it is known
  /// where the client has connected to; nothing is sent before. Another backend gets what the first one didn't.
  /// - Returns: false when there is no buffer for it.
  mutating func introduce(_ c: ConnectionPointer) -> Bool {
    guard c.pointee.pool?.settings.proxyProtocol != nil else { return true }
    if let destination = c.pointee.introduction?.destination ?? ownAddress(c) {
      return writeIntroduction(c, to: destination)
    }
    c.pointee.isIntroductionDue = true
    c.pointee.client.inFlight += 1
    engine.findLocalAddress(of: c.pointee.client.socket, token(.clientAddress, c))
    return true
  }

  /// The engine has looked where the client has connected to.
  mutating func addressFound(_ c: ConnectionPointer) {
    c.pointee.client.inFlight -= 1
    c.pointee.isIntroductionDue = false
    guard c.pointee.phase == .connecting || c.pointee.phase == .relaying else { return }
    guard writeIntroduction(c, to: engine.localAddress ?? unknownAddress(c)) else {
      guard c.pointee.phase == .connecting else { return close(c, by: .proxy, .exhausted, .now) }
      return refuse(c, .serviceUnavailable, .exhausted, by: .proxy)
    }
    flush(c, .backend)
  }

  /// The listener's address; nil when it listens on all of a machine's, or has been closed.
  private func ownAddress(_ c: ConnectionPointer) -> Endpoint? {
    guard let bound = binds[Int(c.pointee.bind)]?.bound else { return nil }
    return bound.isAnyAddress ? nil : bound
  }

  /// The client's address is what matters: for want of a descriptor to look with, it isn't held back.
  private func unknownAddress(_ c: ConnectionPointer) -> Endpoint? {
    guard let address = c.pointee.address?.ipAddress else { return nil }
    return .ip(address.isIPv4 ? IPAddress(ipv4: 0) : IPAddress(ipv6High: 0, low: 0), port: 0)
  }

  private mutating func writeIntroduction(_ c: ConnectionPointer, to destination: Endpoint?) -> Bool {
    scratch.removeAll(keepingCapacity: true)
    let source = c.pointee.address
    switch c.pointee.pool?.settings.proxyProtocol {
    case .v1: ProxyHeader.encodeV1(from: source, to: destination, into: &scratch)
    case .v2:
      ProxyHeader.encodeV2(
        from: source, to: destination, parts: c.pointee.introduction?.parts ?? [], into: &scratch)
    case nil: break
    }
    c.pointee.introduction = nil
    let header = scratch
    return header.withUnsafeBytes { prepend($0, to: .backend, of: c) }
  }

  /// Puts bytes of our own making ahead of what is to be sent, of which nothing is being sent: into its first
  /// buffer where that has room, so that all leaves in one piece. False when there is no buffer for them.
  private mutating func prepend(_ bytes: UnsafeRawBufferPointer, to side: Side, of c: ConnectionPointer)
    -> Bool
  {
    assert(!c.leg(side).pointee.isSending && bytes.count <= BufferPool.payload)
    let queue = c.leg(side).pointee.toSend
    if !queue.isEmpty, engine.buffers.room(queue.head) >= bytes.count {
      c.leg(side).pointee.toSend.extendFirst(with: bytes, in: &engine.buffers)
      return true
    }
    guard let buffer = engine.buffers.take() else { return false }
    let start = engine.buffers.start(buffer)
    (engine.buffers.base(buffer) + start).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    engine.buffers.setPayload(buffer, start: start, count: bytes.count)
    c.leg(side).pointee.toSend.prepend(buffer, in: &engine.buffers)
    return true
  }
}

extension Endpoint {
  /// True exactly when it stands for every address of a machine.
  fileprivate var isAnyAddress: Bool {
    guard case .ip(let address, _) = self else { return false }
    return address.isIPv4 ? address.ipv4 == 0 : address.high == 0 && address.low == 0
  }
}

extension ProxyHeader.TLSTexts {
  /// A certificate counts as verified also where it was shown in an earlier connection of the session.
  fileprivate init(_ session: TLSTexts) {
    var client: UInt8 = 1
    if let certificate = session.clientCertificate { client |= certificate.isOfThisConnection ? 6 : 4 }
    self.init(
      client: client, verify: session.clientCertificate == nil ? 1 : 0, version: session.version,
      cipher: session.cipher, commonName: session.clientCertificate?.commonName ?? "",
      signatureAlgorithm: session.signatureAlgorithm, keyAlgorithm: session.keyAlgorithm)
  }
}
