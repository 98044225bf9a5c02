internal import COpenSSL

/// What a call of `RecordLayer.open` came to. The data is there whatever the status says, and comes before
/// what it says.
public struct OpenProgress: Sendable, Equatable {
  public enum Status: Sendable, Equatable {
    /// All whole records were opened. What follows them, if anything, is a record's beginning that lacks
    /// `missing` more bytes at least.
    case wantsInput(missing: Int)
    /// The peer has said that it sends no more (close_notify). Sealing may go on.
    case closed
    /// Over. `RecordLayer.alert(for:)` makes what the peer should get.
    case failed(TLSFailure)
  }
  public var status: Status
  /// Where the data is now, in one piece.
  public var data: Range<Int>
  /// Bytes of whole records, all done with but for the data.
  public var consumed: Int
}

// Receiving.
extension RecordLayer {
  /// Opens the whole records at the beginning of `bytes` in place, and moves the data of the later ones up
  /// to the first's.
  ///
  /// - Parameter bytes: begins with a record. A record is `recordLimit` bytes at most.
  public mutating func open(_ bytes: UnsafeMutableRawBufferPointer, library: TLSLibrary) -> OpenProgress {
    var progress = OpenProgress(status: .wantsInput(missing: 0), data: 0..<0, consumed: 0)
    if state.pointee.flags.contains(.isClosed) {
      // What follows a close_notify is ignored (RFC 8446 section 6.1).
      return OpenProgress(status: .closed, data: 0..<0, consumed: bytes.count)
    }
    guard !state.pointee.flags.contains(.isBroken) else {
      return OpenProgress(status: .failed(failure), data: 0..<0, consumed: 0)
    }
    var isKeyed = false
    while true {
      let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[progress.consumed...])
      switch isTLS12 ? openOneTLS12(rest, library) : openOne(rest, &isKeyed, library) {
      case .incomplete(let missing):
        progress.status = .wantsInput(missing: missing)
        return progress
      case .data(let offset, let count, let recordCount):
        append(count, at: progress.consumed + offset, &progress, bytes)
        progress.consumed += recordCount
      case .nothing(let recordCount):
        progress.consumed += recordCount
      case .closed(let recordCount):
        progress.consumed += recordCount
        progress.status = .closed
        state.pointee.flags.insert(.isClosed)
        return progress
      case .failed(let failure):
        progress.status = .failed(failure)
        breakOff(failure)
        return progress
      }
    }
  }

  /// Remembers why nothing is opened any more: data that came first may have to be dealt with before.
  private func breakOff(_ failure: TLSFailure) {
    state.pointee.flags.insert(.isBroken)
    switch failure {
    case .recordError(let alert): state.pointee.partial = (Broken.byRecord, alert, 0, 0)
    case .peerAlert(let alert): state.pointee.partial = (Broken.byPeer, alert, 0, 0)
    default: state.pointee.partial = (0, 0, 0, 0)
    }
  }

  /// What broke the connection.
  private var failure: TLSFailure {
    let (kind, alert, _, _) = state.pointee.partial
    return switch kind {
    case Broken.byRecord: .recordError(alert: alert)
    case Broken.byPeer: .peerAlert(alert)
    default: .internalError
    }
  }

  private enum Broken {
    static let byRecord: UInt8 = 1
    static let byPeer: UInt8 = 2
  }

  /// Makes the data of a record part of the data.
  private func append(
    _ count: Int, at start: Int, _ progress: inout OpenProgress, _ bytes: UnsafeMutableRawBufferPointer
  ) {
    if progress.data.isEmpty {
      progress.data = start..<start + count
    } else {
      (bytes.baseAddress! + progress.data.upperBound).copyMemory(
        from: bytes.baseAddress! + start, byteCount: count)
      progress.data = progress.data.lowerBound..<progress.data.upperBound + count
    }
  }

  enum Opened {
    /// Not whole yet.
    case incomplete(missing: Int)
    /// Data, never empty, and where it is in the record.
    case data(offset: Int, count: Int, recordCount: Int)
    case nothing(recordCount: Int)
    case closed(recordCount: Int)
    case failed(TLSFailure)

    static func refused(_ alert: UInt8) -> Opened { .failed(.recordError(alert: alert)) }
  }

  /// - Parameter isKeyed: whether the opener has this connection's current key already.
  private mutating func openOne(
    _ bytes: UnsafeMutableRawBufferPointer, _ isKeyed: inout Bool, _ library: TLSLibrary
  ) -> Opened {
    guard bytes.count >= Self.headerCount else { return .incomplete(missing: Self.headerCount - bytes.count) }
    // Everything is encrypted now; a change_cipher_spec or an alert in the clear is out of place (section 5).
    guard bytes[0] == ContentType.applicationData else { return .refused(Alert.unexpectedMessage) }
    let length = Int(bytes[3]) << 8 | Int(bytes[4])
    guard length <= Self.ciphertextLimit else { return .refused(Alert.recordOverflow) }
    guard length >= RecordSuite.tagCount else { return .refused(Alert.badRecordMAC) }
    let recordCount = Self.headerCount + length
    guard bytes.count >= recordCount else { return .incomplete(missing: recordCount - bytes.count) }
    let innerCount = length - RecordSuite.tagCount
    guard decrypt(bytes.baseAddress!, innerCount, &isKeyed, library) else {
      return .refused(Alert.badRecordMAC)
    }
    guard innerCount <= Self.plaintextLimit + 1 else { return .refused(Alert.recordOverflow) }
    let inner = UnsafeRawBufferPointer(rebasing: bytes[Self.headerCount..<Self.headerCount + innerCount])
    return take(inner, recordCount, &isKeyed, library)
  }

  private mutating func decrypt(
    _ header: UnsafeMutableRawPointer, _ count: Int, _ isKeyed: inout Bool, _ library: TLSLibrary
  ) -> Bool {
    let sequence = state.pointee.received
    guard sequence < .max, let key = key(.receiving, library) else { return false }
    let cipher = Int(state.pointee.suite)
    let wasKeyed = isKeyed
    let isAuthentic = withNonce(.receiving, sequence) {
      library.records.open(header, count, cipher: cipher, key: key, isKeyed: wasKeyed, nonce: $0)
    }
    guard isAuthentic else {
      ERR_clear_error()
      return false
    }
    isKeyed = true
    state.pointee.received = sequence + 1
    return true
  }

  /// What an authentic record says (RFC 8446 sections 5.1 and 5.4).
  private mutating func take(
    _ inner: UnsafeRawBufferPointer, _ recordCount: Int, _ isKeyed: inout Bool, _ library: TLSLibrary
  ) -> Opened {
    // The content type is the last byte that isn't zero; behind it is padding.
    guard let typeIndex = inner.lastIndex(where: { $0 != 0 }) else {
      return .refused(Alert.unexpectedMessage)
    }
    let content = UnsafeRawBufferPointer(rebasing: inner[..<typeIndex])
    let type = inner[typeIndex]
    // A handshake message that has begun must go on before anything else comes.
    guard state.pointee.partialCount == 0 || type == ContentType.handshake else {
      return .refused(Alert.unexpectedMessage)
    }
    if type == ContentType.applicationData, !content.isEmpty {
      state.pointee.idle = 0
      return .data(offset: Self.headerCount, count: content.count, recordCount: recordCount)
    }
    // A peer that sends records without data makes work for nothing.
    state.pointee.idle += 1
    guard state.pointee.idle <= Self.idleLimit else { return .refused(Alert.unexpectedMessage) }
    switch type {
    case ContentType.applicationData: return .nothing(recordCount: recordCount)
    case ContentType.alert: return takeAlert(content, recordCount)
    case ContentType.handshake:
      if let alert = takeHandshake(content, &isKeyed, library) { return .refused(alert) }
      return .nothing(recordCount: recordCount)
    default: return .refused(Alert.unexpectedMessage)
    }
  }

  /// RFC 8446 section 6: whatever its level says, an alert ends the connection, but for user_canceled, which
  /// announces a close_notify.
  private func takeAlert(_ content: UnsafeRawBufferPointer, _ recordCount: Int) -> Opened {
    guard !content.isEmpty else { return .refused(Alert.unexpectedMessage) }
    guard content.count == 2 else { return .refused(Alert.decodeError) }
    switch content[1] {
    case Alert.closeNotify: return .closed(recordCount: recordCount)
    case Alert.userCanceled: return .nothing(recordCount: recordCount)
    default: return .failed(.peerAlert(content[1]))
    }
  }

  /// The only handshake message that a client may send now is KeyUpdate (RFC 8446 section 4.6.3), 5 bytes;
  /// it may be split over records, but must end with one, as the next is under the new key (section 5.1).
  /// - Returns: an alert to refuse it with; nil when it is in order.
  private mutating func takeHandshake(
    _ content: UnsafeRawBufferPointer, _ isKeyed: inout Bool, _ library: TLSLibrary
  ) -> UInt8? {
    guard !content.isEmpty else { return Alert.unexpectedMessage }
    let begun = Int(state.pointee.partialCount)
    var message: (UInt8, UInt8, UInt8, UInt8) = state.pointee.partial
    let headCount = min(content.count, 4 - begun)
    withUnsafeMutableBytes(of: &message) {
      $0[begun..<begun + headCount].copyBytes(from: content[..<headCount])
    }
    // Refused as soon as it can't be a KeyUpdate.
    guard message.0 == HandshakeType.keyUpdate else { return Alert.unexpectedMessage }
    let rest = content.count - headCount
    guard rest > 0 else {
      state.pointee.partial = message
      state.pointee.partialCount = UInt8(begun + headCount)
      return nil
    }
    guard message.1 == 0, message.2 == 0, message.3 == 1 else { return Alert.decodeError }
    guard rest == 1 else { return Alert.unexpectedMessage }
    state.pointee.partialCount = 0
    state.pointee.partial = (0, 0, 0, 0)
    return takeKeyUpdate(request: content[content.count - 1], &isKeyed, library)
  }

  private mutating func takeKeyUpdate(
    request: UInt8, _ isKeyed: inout Bool, _ library: TLSLibrary
  ) -> UInt8? {
    guard request <= 1 else { return Alert.illegalParameter }
    update(.receiving, library)
    isKeyed = false
    // Several requests before our next data get one answer.
    if request == 1 { state.pointee.flags.insert(.owesKeyUpdate) }
    return nil
  }
}
