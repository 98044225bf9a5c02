internal import COpenSSL

// Records of TLS 1.2 with an AEAD (RFC 5246 section 6.2.3.3). A content type in the clear, nothing behind the content,
// keys that are never replaced, and 13 bytes that are authenticated with it: the sequence number, the type, the version
// and the content's length. With AES-GCM (RFC 5288) a record begins with the part of its nonce that isn't the key's, for
// which we take the sequence number; with ChaCha20-Poly1305 (RFC 7905) the nonce is as in TLS 1.3.
extension RecordLayer {
  private static let additionalCount = 13

  /// - Parameters:
  ///   - suite: index of a `RecordSuite` of TLS 1.2.
  ///   - keyBlock: the client's and the server's key, then their IVs (RFC 5246 section 6.3): we are the server.
  init(tls12 suite: UInt8, keyBlock: UnsafeRawPointer) {
    let shape = RecordSuite(index: suite)
    self.init(shape, RecordState(sent: 0, suite: suite))
    let ivs = keyBlock + 2 * shape.keyCount
    for direction in [RecordDirection.receiving, .sending] {
      (memory + shape.key(direction)).copyMemory(
        from: keyBlock + direction.rawValue * shape.keyCount, byteCount: shape.keyCount)
      // What a record's own part is put over is zero.
      let iv = memory + shape.iv(direction)
      iv.initializeMemory(as: UInt8.self, repeating: 0, count: RecordSuite.ivCount)
      iv.copyMemory(from: ivs + direction.rawValue * shape.derivedIVCount, byteCount: shape.derivedIVCount)
    }
  }

  /// Writes what is authenticated with a record.
  private static func writeAdditional(
    _ place: UnsafeMutableRawPointer, _ sequence: UInt64, _ type: UInt8, _ count: Int
  ) {
    place.storeBytes(of: sequence.bigEndian, as: UInt64.self)
    writeHeader(place + 8, type, count)
  }

  private static func writeHeader(_ place: UnsafeMutableRawPointer, _ type: UInt8, _ length: Int) {
    place.storeBytes(of: type, as: UInt8.self)
    place.storeBytes(of: 3, toByteOffset: 1, as: UInt8.self)
    place.storeBytes(of: 3, toByteOffset: 2, as: UInt8.self)
    place.storeBytes(of: UInt8(truncatingIfNeeded: length >> 8), toByteOffset: 3, as: UInt8.self)
    place.storeBytes(of: UInt8(truncatingIfNeeded: length), toByteOffset: 4, as: UInt8.self)
  }
}

// Sending.
extension RecordLayer {
  /// As `seal`.
  mutating func sealTLS12(
    _ data: UnsafeMutableRawPointer, count: Int, library: TLSLibrary
  ) -> UnsafeMutableRawBufferPointer? {
    var start = data - suite.prefixCount
    if state.pointee.flags.contains(.owesRefusal) {
      start -= suite.prefixCount + 2 + RecordSuite.tagCount
      guard sealRefusal(start, library) > 0 else { return nil }
    }
    guard sealTLS12(ContentType.applicationData, data, count, library) else { return nil }
    return UnsafeMutableRawBufferPointer(start: start, count: data + count + RecordSuite.tagCount - start)
  }

  /// True exactly when the peer waits to hear that there will be no other handshake.
  public var owesRefusal: Bool { state.pointee.flags.contains(.owesRefusal) }

  /// Tells the peer so, where that is due (RFC 5746 section 4.5).
  /// - Parameter output: `alertRoom` bytes at least.
  /// - Returns: bytes of output to be sent.
  public mutating func refuseRenegotiation(output: UnsafeMutableRawBufferPointer, library: TLSLibrary) -> Int
  {
    guard owesRefusal, !state.pointee.flags.contains(.hasEnded), output.count >= Self.alertRoom else {
      return 0
    }
    return sealRefusal(output.baseAddress!, library)
  }

  private mutating func sealRefusal(_ place: UnsafeMutableRawPointer, _ library: TLSLibrary) -> Int {
    state.pointee.flags.remove(.owesRefusal)
    return sealAlertTLS12(Alert.warning, Alert.noRenegotiation, place, library)
  }

  /// - Returns: bytes written; 0 when OpenSSL fails.
  mutating func sealAlertTLS12(
    _ level: UInt8, _ alert: UInt8, _ place: UnsafeMutableRawPointer, _ library: TLSLibrary
  ) -> Int {
    let content = place + suite.prefixCount
    content.storeBytes(of: level, as: UInt8.self)
    content.storeBytes(of: alert, toByteOffset: 1, as: UInt8.self)
    return sealTLS12(ContentType.alert, content, 2, library)
      ? suite.prefixCount + 2 + RecordSuite.tagCount : 0
  }

  /// Seals content in place, writes what comes before it, and counts the record.
  mutating func sealTLS12(
    _ type: UInt8, _ content: UnsafeMutableRawPointer, _ count: Int, _ library: TLSLibrary
  ) -> Bool {
    let sequence = state.pointee.sent
    // A nonce must never come twice.
    guard sequence < .max, let key = key(.sending, library) else { return false }
    state.pointee.sent = sequence + 1
    let (shape, header) = (suite, content - suite.prefixCount)
    let isSealed = withNonce(.sending, sequence) { nonce in
      guard shape.cipher == RecordSuite.chaCha else {
        // As long as what comes before the content, whose place it has until the content is sealed.
        Self.writeAdditional(header, sequence, type, count)
        return library.records.seal(
          header, count, cipher: shape.cipher, key: key, nonce: nonce, headerCount: Self.additionalCount)
      }
      return withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { memory in
        Self.writeAdditional(memory.baseAddress!, sequence, type, count)
        return library.records.seal(
          content, count, over: UnsafeRawBufferPointer(rebasing: memory[..<Self.additionalCount]),
          cipher: shape.cipher, key: key, nonce: nonce)
      }
    }
    Self.writeHeader(header, type, count + shape.overhead)
    if shape.cipher != RecordSuite.chaCha {
      header.storeBytes(of: sequence.bigEndian, toByteOffset: Self.headerCount, as: UInt64.self)
    }
    if !isSealed {
      state.pointee.flags.insert(.hasEnded)
      ERR_clear_error()
    }
    return isSealed
  }
}

// Receiving.
extension RecordLayer {
  /// Opens the first of some records.
  mutating func openOneTLS12(_ bytes: UnsafeMutableRawBufferPointer, _ library: TLSLibrary) -> Opened {
    guard bytes.count >= Self.headerCount else { return .incomplete(missing: Self.headerCount - bytes.count) }
    let type = bytes[0]
    guard type == ContentType.applicationData || type == ContentType.alert || type == ContentType.handshake
    else {
      return .refused(Alert.unexpectedMessage)
    }
    guard bytes[1] == 3, bytes[2] == 3 else { return .refused(Alert.protocolVersion) }
    let length = Int(bytes[3]) << 8 | Int(bytes[4])
    guard length <= Self.ciphertextLimit else { return .refused(Alert.recordOverflow) }
    let shape = suite
    let count = length - shape.overhead
    guard count >= 0 else { return .refused(Alert.badRecordMAC) }
    let recordCount = Self.headerCount + length
    guard bytes.count >= recordCount else { return .incomplete(missing: recordCount - bytes.count) }
    guard openTLS12(bytes.baseAddress!, count, library) else { return .refused(Alert.badRecordMAC) }
    guard count <= Self.plaintextLimit else { return .refused(Alert.recordOverflow) }
    let content = UnsafeRawBufferPointer(start: bytes.baseAddress! + shape.prefixCount, count: count)
    return takeTLS12(type, content, recordCount)
  }

  /// Opens a whole record with `count` bytes of content in place.
  mutating func openTLS12(_ header: UnsafeMutableRawPointer, _ count: Int, _ library: TLSLibrary) -> Bool {
    let sequence = state.pointee.received
    guard sequence < .max, let key = key(.receiving, library) else { return false }
    let (shape, type) = (suite, header.load(as: UInt8.self))
    let isAuthentic: Bool
    if shape.cipher == RecordSuite.chaCha {
      isAuthentic = withNonce(.receiving, sequence) { nonce in
        withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { memory in
          Self.writeAdditional(memory.baseAddress!, sequence, type, count)
          return library.records.open(
            header + Self.headerCount, count,
            over: UnsafeRawBufferPointer(rebasing: memory[..<Self.additionalCount]), cipher: shape.cipher,
            key: key,
            isKeyed: false, nonce: nonce)
        }
      }
    } else {
      // Whatever the peer takes for it.
      let explicit = header.loadUnaligned(fromByteOffset: Self.headerCount, as: UInt64.self)
      Self.writeAdditional(header, sequence, type, count)
      isAuthentic = withNonce(.receiving, UInt64(bigEndian: explicit)) { nonce in
        library.records.open(
          header, count, cipher: shape.cipher, key: key, isKeyed: false, nonce: nonce,
          headerCount: Self.additionalCount)
      }
    }
    guard isAuthentic else {
      ERR_clear_error()
      return false
    }
    state.pointee.received = sequence + 1
    return true
  }

  /// What an authentic record says.
  private mutating func takeTLS12(
    _ type: UInt8, _ content: UnsafeRawBufferPointer, _ recordCount: Int
  ) -> Opened {
    if type == ContentType.applicationData, !content.isEmpty {
      state.pointee.idle = 0
      return .data(offset: suite.prefixCount, count: content.count, recordCount: recordCount)
    }
    // A peer that sends records without data makes work for nothing.
    state.pointee.idle += 1
    guard state.pointee.idle <= Self.idleLimit else { return .refused(Alert.unexpectedMessage) }
    switch type {
    case ContentType.alert: return takeAlertTLS12(content, recordCount)
    case ContentType.handshake:
      if let alert = takeHandshakeTLS12(content) { return .refused(alert) }
      return .nothing(recordCount: recordCount)
    default: return .nothing(recordCount: recordCount)
    }
  }

  /// RFC 5246 section 7.2: warnings but close_notify are passed over.
  private func takeAlertTLS12(_ content: UnsafeRawBufferPointer, _ recordCount: Int) -> Opened {
    guard content.count == 2 else { return .refused(Alert.unexpectedMessage) }
    switch (content[0], content[1]) {
    case (Alert.warning, Alert.closeNotify): return .closed(recordCount: recordCount)
    // To what we never asked for.
    case (Alert.warning, Alert.noRenegotiation): return .refused(Alert.handshakeFailure)
    case (Alert.warning, _): return .nothing(recordCount: recordCount)
    case (Alert.fatal, let alert): return .failed(.peerAlert(alert))
    default: return .refused(Alert.illegalParameter)
    }
  }

  /// A client may ask for another handshake by a ClientHello, which gets a warning and isn't looked at (RFC 5746 section
  /// 4.5); all other messages are out of place.
  /// - Returns: an alert to refuse it with; nil when it is in order.
  private mutating func takeHandshakeTLS12(_ content: UnsafeRawBufferPointer) -> UInt8? {
    var rest = content
    while let first = rest.first {
      if state.pointee.partialCount == 0, first != HandshakeType.clientHello {
        return Alert.unexpectedMessage
      }
      let begun = Int(state.pointee.partialCount)
      if begun < 4 {
        let count = min(4 - begun, rest.count)
        withUnsafeMutableBytes(of: &state.pointee.partial) {
          $0[begun..<begun + count].copyBytes(from: rest[..<count])
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        state.pointee.partialCount = UInt8(begun + count)
        guard begun + count == 4 else { return nil }
        state.pointee.partial.0 = 0
      }
      if let alert = skip(&rest) { return alert }
    }
    return nil
  }

  /// Drops what there is of a ClientHello's body.
  private mutating func skip(_ rest: inout UnsafeRawBufferPointer) -> UInt8? {
    let (_, high, middle, low) = state.pointee.partial
    let left = Int(high) << 16 | Int(middle) << 8 | Int(low)
    guard left <= Self.helloLimit else { return Alert.illegalParameter }
    let count = min(left, rest.count)
    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    guard left == count else {
      let after = left - count
      state.pointee.partial = (
        0, UInt8(truncatingIfNeeded: after >> 16), UInt8(truncatingIfNeeded: after >> 8),
        UInt8(truncatingIfNeeded: after)
      )
      return nil
    }
    (state.pointee.partialCount, state.pointee.partial) = (0, (0, 0, 0, 0))
    state.pointee.flags.insert(.owesRefusal)
    return nil
  }

  /// The longest ClientHello that OpenSSL takes.
  private static let helloLimit = 131_396
}
