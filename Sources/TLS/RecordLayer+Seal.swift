internal import COpenSSL

// Sending.
extension RecordLayer {
  /// Seals up to `plaintextLimit` bytes in place into one record. Before its data goes a KeyUpdate where
  /// one is due: the peer asked for it, or the key has sealed as much as it safely can (RFC 8446 sections
  /// 4.6.3, 5.5).
  /// - Parameters:
  ///   - data: with `headRoom` bytes before it and `tailRoom` behind it that may be written.
  ///   - count: from 1 to `plaintextLimit`.
  /// - Returns: what to send, around the data; nil when nothing may be sent any more or OpenSSL failed.
  public mutating func seal(
    _ data: UnsafeMutableRawPointer, count: Int, library: TLSLibrary
  ) -> UnsafeMutableRawBufferPointer? {
    assert(count > 0 && count <= Self.plaintextLimit)
    guard !state.pointee.flags.contains(.hasEnded) else { return nil }
    if isTLS12 { return sealTLS12(data, count: count, library: library) }
    var start = data - Self.headerCount
    if owesKeyUpdate || state.pointee.sent >= library.recordsPerKey {
      start -= Self.shortRecord(5)
      guard sealKeyUpdate(start, library) else { return nil }
    }
    data.storeBytes(of: ContentType.applicationData, toByteOffset: count, as: UInt8.self)
    guard sealInner(data - Self.headerCount, count + 1, library) else { return nil }
    let end = data + count + Self.tailRoom
    return UnsafeMutableRawBufferPointer(start: start, count: end - start)
  }

  /// True exactly when the peer waits for a KeyUpdate, which goes before the next data.
  public var owesKeyUpdate: Bool { state.pointee.flags.contains(.owesKeyUpdate) }

  /// Tells the peer that no more data comes.
  /// - Parameter output: `alertRoom` bytes at least.
  /// - Returns: bytes of output to be sent; none when it was said before.
  public mutating func closeNotify(output: UnsafeMutableRawBufferPointer, library: TLSLibrary) -> Int {
    sealAlert(level: Alert.warning, Alert.closeNotify, output, library)
  }

  /// Tells the peer why the connection ends. Nothing may be sealed afterwards.
  /// - Returns: bytes of output to be sent; none where the failure isn't for the peer to hear, or the
  ///   output has no room.
  public mutating func alert(
    for failure: TLSFailure, output: UnsafeMutableRawBufferPointer, library: TLSLibrary
  ) -> Int {
    switch failure {
    case .recordError(let alert): sealAlert(level: Alert.fatal, alert, output, library)
    case .internalError: sealAlert(level: Alert.fatal, Alert.internalError, output, library)
    default: 0
    }
  }

  private mutating func sealAlert(
    level: UInt8, _ alert: UInt8, _ output: UnsafeMutableRawBufferPointer, _ library: TLSLibrary
  ) -> Int {
    guard !state.pointee.flags.contains(.hasEnded), output.count >= Self.alertRoom else { return 0 }
    state.pointee.flags.insert(.hasEnded)
    if isTLS12 { return sealAlertTLS12(level, alert, output.baseAddress!, library) }
    output[5] = level
    output[6] = alert
    output[7] = ContentType.alert
    return sealInner(output.baseAddress!, 3, library) ? Self.shortRecord(2) : 0
  }

  /// A KeyUpdate that asks for none in return, sealed with the old key; the next record is the new key's.
  private mutating func sealKeyUpdate(_ header: UnsafeMutableRawPointer, _ library: TLSLibrary) -> Bool {
    let message: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) =
      (HandshakeType.keyUpdate, 0, 0, 1, 0, ContentType.handshake)
    withUnsafeBytes(of: message) {
      (header + Self.headerCount).copyMemory(from: $0.baseAddress!, byteCount: $0.count)
    }
    guard sealInner(header, 6, library) else { return false }
    update(.sending, library)
    state.pointee.flags.remove(.owesKeyUpdate)
    return true
  }

  /// Writes the header, seals `count` bytes (content, type, padding) behind it, and counts the record.
  mutating func sealInner(_ header: UnsafeMutableRawPointer, _ count: Int, _ library: TLSLibrary) -> Bool {
    let sequence = state.pointee.sent
    // A nonce must never come twice; keys are replaced long before.
    guard sequence < .max else { return false }
    let length = count + RecordSuite.tagCount
    header.storeBytes(of: ContentType.applicationData, as: UInt8.self)
    header.storeBytes(of: 3, toByteOffset: 1, as: UInt8.self)
    header.storeBytes(of: 3, toByteOffset: 2, as: UInt8.self)
    header.storeBytes(of: UInt8(truncatingIfNeeded: length >> 8), toByteOffset: 3, as: UInt8.self)
    header.storeBytes(of: UInt8(truncatingIfNeeded: length), toByteOffset: 4, as: UInt8.self)
    state.pointee.sent = sequence + 1
    let cipher = Int(state.pointee.suite)
    let isSealed = withNonce(.sending, sequence) {
      guard let key = key(.sending, library) else { return false }
      return library.records.seal(header, count, cipher: cipher, key: key, nonce: $0)
    }
    if !isSealed {
      state.pointee.flags.insert(.hasEnded)
      ERR_clear_error()
    }
    return isSealed
  }
}

/// RFC 8446 section 5.1.
enum ContentType {
  static let changeCipherSpec: UInt8 = 20
  static let alert: UInt8 = 21
  static let handshake: UInt8 = 22
  static let applicationData: UInt8 = 23
}

/// RFC 8446 section 4.
enum HandshakeType {
  static let clientHello: UInt8 = 1
  static let serverHello: UInt8 = 2
  static let newSessionTicket: UInt8 = 4
  static let encryptedExtensions: UInt8 = 8
  static let certificate: UInt8 = 11
  static let certificateVerify: UInt8 = 15
  static let finished: UInt8 = 20
  static let keyUpdate: UInt8 = 24
}

/// RFC 8446 section 6; of TLS 1.2 alone, RFC 5246 section 7.2.
enum Alert {
  /// Levels.
  static let warning: UInt8 = 1
  static let fatal: UInt8 = 2

  static let closeNotify: UInt8 = 0
  static let unexpectedMessage: UInt8 = 10
  static let badRecordMAC: UInt8 = 20
  static let recordOverflow: UInt8 = 22
  static let handshakeFailure: UInt8 = 40
  static let illegalParameter: UInt8 = 47
  static let decodeError: UInt8 = 50
  static let decryptError: UInt8 = 51
  static let protocolVersion: UInt8 = 70
  static let internalError: UInt8 = 80
  static let userCanceled: UInt8 = 90
  static let noRenegotiation: UInt8 = 100
}
