internal import COpenSSL

// The client's second flight: its Finished, and what may come before.
extension Handshake13 {
  /// Records that bring nothing, such as a change_cipher_spec for what stands between (RFC 8446 appendix D.4).
  private static let idleLimit: UInt8 = 32

  private enum Taken {
    case wantsInput
    case nothing
    case finished
    case failed(TLSFailure)

    static func refused(_ alert: UInt8) -> Taken { .failed(.recordError(alert: alert)) }
  }

  mutating func goOn(
    input: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer
  ) -> HandshakeProgress {
    var progress = HandshakeProgress(step: .wantsInput, consumed: 0, produced: 0)
    switch state.pointee.phase {
    case .waiting: break
    case .done:
      progress.step = .done
      return progress
    case .failed(let failure):
      progress.step = .failed(failure)
      return progress
    }
    var cursor = ByteCursor(input)
    while true {
      let taken = takeRecord(&cursor)
      progress.consumed = input.count - cursor.rest.count
      switch taken {
      case .nothing: continue
      case .wantsInput: return progress
      case .finished: finish(output, &progress)
      case .failed(let failure): fail(failure, output, &progress)
      }
      return progress
    }
  }

  private func takeRecord(_ cursor: inout ByteCursor) -> Taken {
    let header = memory[.header]
    let begun = Int(state.pointee.headerCount)
    if begun < RecordLayer.headerCount {
      let count = min(RecordLayer.headerCount - begun, cursor.rest.count)
      guard count > 0, let bytes = cursor.take(count) else { return .wantsInput }
      (header + begun).copyMemory(from: bytes.baseAddress!, byteCount: count)
      state.pointee.headerCount = UInt8(begun + count)
      guard begun + count == RecordLayer.headerCount else { return .wantsInput }
      if let alert = refusal(header.octets) { return .refused(alert) }
    }
    let length = Int(header.octets[3]) << 8 | Int(header.octets[4])
    let count = RecordLayer.headerCount + length
    if state.pointee.partial == nil, cursor.rest.count >= length, let body = cursor.take(length) {
      return withUnsafeTemporaryAllocation(byteCount: count, alignment: 16) { record in
        record.baseAddress!.copyMemory(from: header, byteCount: RecordLayer.headerCount)
        (record.baseAddress! + RecordLayer.headerCount).copyMemory(from: body.baseAddress!, byteCount: length)
        return open(record)
      }
    }
    return gather(count, &cursor)
  }

  /// Takes what has come of a record in pieces, and the record once it is whole.
  private func gather(_ count: Int, _ cursor: inout ByteCursor) -> Taken {
    if state.pointee.partial == nil {
      let partial = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 16)
      partial.copyMemory(from: memory[.header], byteCount: RecordLayer.headerCount)
      state.pointee.partial = partial
      state.pointee.partialCount = RecordLayer.headerCount
      state.pointee.partialLimit = count
    }
    let partial = state.pointee.partial!
    let more = min(count - state.pointee.partialCount, cursor.rest.count)
    guard more > 0, let bytes = cursor.take(more) else { return .wantsInput }
    (partial + state.pointee.partialCount).copyMemory(from: bytes.baseAddress!, byteCount: more)
    state.pointee.partialCount += more
    guard state.pointee.partialCount == count else { return .wantsInput }
    defer { memory.dropPartial() }
    return open(UnsafeMutableRawBufferPointer(start: partial, count: count))
  }

  /// What is wrong with a record as its header has it; nil for nothing. (RFC 8446 section 5.1: the version isn't
  /// looked at.)
  private func refusal(_ header: UnsafePointer<UInt8>) -> UInt8? {
    let length = Int(header[3]) << 8 | Int(header[4])
    switch header[0] {
    case ContentType.changeCipherSpec: return length == 1 ? nil : Alert.unexpectedMessage
    case ContentType.alert where state.pointee.received == 0:
      // In the clear from a client that can't make keys of what we sent.
      return length == 2 ? nil : Alert.decodeError
    case ContentType.applicationData:
      guard length <= RecordLayer.ciphertextLimit else { return Alert.recordOverflow }
      return length > RecordSuite.tagCount ? nil : Alert.badRecordMAC
    default: return Alert.unexpectedMessage
    }
  }

  /// Takes a whole record.
  private func open(_ record: UnsafeMutableRawBufferPointer) -> Taken {
    state.pointee.headerCount = 0
    let body = UnsafeRawBufferPointer(rebasing: record[RecordLayer.headerCount...])
    switch record[0] {
    case ContentType.changeCipherSpec: return body[0] == 1 ? takeNothing() : .refused(Alert.unexpectedMessage)
    case ContentType.alert: return takeAlert(body)
    default:
      let count = body.count - RecordSuite.tagCount
      guard decrypt(record.baseAddress!, count) else { return .refused(Alert.badRecordMAC) }
      guard count <= RecordLayer.plaintextLimit + 1 else { return .refused(Alert.recordOverflow) }
      return takeInner(UnsafeRawBufferPointer(rebasing: body[..<count]))
    }
  }

  private func decrypt(_ header: UnsafeMutableRawPointer, _ count: Int) -> Bool {
    // Few are ever taken, so that the sequence number has its place in the last eight bytes.
    let sequence = state.pointee.received.bigEndian
    state.pointee.received += 1
    var nonce: (UInt64, UInt64) = (0, 0)
    let isAuthentic = withUnsafeMutableBytes(of: &nonce) { nonce in
      nonce.copyBytes(from: memory.bytes(.iv, RecordSuite.ivCount))
      nonce.storeBytes(
        of: nonce.loadUnaligned(fromByteOffset: 4, as: UInt64.self) ^ sequence, toByteOffset: 4,
        as: UInt64.self)
      return context.library.records.open(
        header, count, cipher: RecordSuite(index: state.pointee.suite).cipher,
        key: UnsafeRawPointer(memory[.key]), isKeyed: false, nonce: nonce.baseAddress!)
    }
    if !isAuthentic { ERR_clear_error() }
    return isAuthentic
  }

  private func takeInner(_ inner: UnsafeRawBufferPointer) -> Taken {
    guard let typeIndex = inner.lastIndex(where: { $0 != 0 }), typeIndex > 0 else {
      return .refused(Alert.unexpectedMessage)
    }
    let content = UnsafeRawBufferPointer(rebasing: inner[..<typeIndex])
    switch inner[typeIndex] {
    case ContentType.handshake: return takeHandshake(content)
    case ContentType.alert: return takeAlert(content)
    default: return .refused(Alert.unexpectedMessage)
    }
  }

  /// A message that has begun must go on before anything else comes.
  private func takeNothing() -> Taken {
    state.pointee.idle += 1
    let isFine = state.pointee.finishedCount == 0 && state.pointee.idle <= Self.idleLimit
    return isFine ? .nothing : .refused(Alert.unexpectedMessage)
  }

  private func takeAlert(_ content: UnsafeRawBufferPointer) -> Taken {
    guard content.count == 2 else { return .refused(Alert.decodeError) }
    return content[1] == Alert.userCanceled ? takeNothing() : .failed(.peerAlert(content[1]))
  }

  /// The Finished, which may be split over records but must end with one: the next is under another key (RFC 8446
  /// section 5.1).
  private func takeHandshake(_ content: UnsafeRawBufferPointer) -> Taken {
    let whole = 4 + RecordSuite(index: state.pointee.suite).secretCount
    let begun = Int(state.pointee.finishedCount)
    let count = min(content.count, whole - begun)
    let finished = memory[.finished]
    (finished + begun).copyMemory(from: content.baseAddress!, byteCount: count)
    state.pointee.finishedCount = UInt8(begun + count)
    let expected = memory[.expected]
    guard finished.octets[0] == HandshakeType.finished else { return .refused(Alert.unexpectedMessage) }
    let headCount = min(begun + count, 4)
    guard (0..<headCount).allSatisfy({ finished.octets[$0] == expected.octets[$0] }) else {
      return .refused(Alert.decodeError)
    }
    guard content.count == count else { return .refused(Alert.unexpectedMessage) }
    guard begun + count == whole else { return .nothing }
    return CRYPTO_memcmp(finished, expected, whole) == 0 ? .finished : .refused(Alert.decryptError)
  }
}
