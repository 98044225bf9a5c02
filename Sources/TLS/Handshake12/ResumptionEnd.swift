internal import COpenSSL

// The client's second flight: ChangeCipherSpec and Finished.
extension Resumption {
  /// Records that bring nothing, such as warnings.
  private static let idleLimit: UInt8 = 32

  private enum Taken {
    case wantsInput
    case nothing
    case finished
    case failed(TLSFailure)

    static func refused(_ alert: UInt8) -> Taken { .failed(.recordError(alert: alert)) }
  }

  func goOn(
    _ context: TLSContext, input: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer
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
      let taken = takeRecord(&cursor, context.library)
      progress.consumed = input.count - cursor.rest.count
      switch taken {
      case .nothing: continue
      case .wantsInput: return progress
      case .finished:
        state.pointee.phase = .done
        progress.step = .done
      case .failed(let failure): fail(failure, context.library, output, &progress)
      }
      return progress
    }
  }

  private func fail(
    _ failure: TLSFailure, _ library: TLSLibrary, _ output: UnsafeMutableRawBufferPointer,
    _ progress: inout HandshakeProgress
  ) {
    state.pointee.phase = .failed(failure)
    progress.step = .failed(failure)
    // We have said that we seal what follows.
    progress.produced = state.pointee.records?.alert(for: failure, output: output, library: library) ?? 0
    state.pointee.records = nil
  }

  /// Gathers a record, which may come in pieces, and takes it once it is whole.
  private func takeRecord(_ cursor: inout ByteCursor, _ library: TLSLibrary) -> Taken {
    let record = memory[.record]
    gather(RecordLayer.headerCount, &cursor)
    guard state.pointee.recordCount >= RecordLayer.headerCount else { return .wantsInput }
    if let alert = refusal(record.octets) { return .refused(alert) }
    let count = RecordLayer.headerCount + (Int(record.octets[3]) << 8 | Int(record.octets[4]))
    assert(count <= ResumptionMemory.recordLimit)
    gather(count, &cursor)
    guard state.pointee.recordCount == count else { return .wantsInput }
    state.pointee.recordCount = 0
    return state.pointee.hasChangedCipher ? takeSealed(count, library) : takeClear(record.octets)
  }

  /// Takes what there is of the first so many bytes of a record.
  private func gather(_ count: Int, _ cursor: inout ByteCursor) {
    let begun = state.pointee.recordCount
    let more = min(count - begun, cursor.rest.count)
    guard more > 0, let bytes = cursor.take(more) else { return }
    (memory[.record] + begun).copyMemory(from: bytes.baseAddress!, byteCount: more)
    state.pointee.recordCount = begun + more
  }

  /// What is wrong with a record as its header has it; nil for nothing.
  private func refusal(_ header: UnsafePointer<UInt8>) -> UInt8? {
    let length = Int(header[3]) << 8 | Int(header[4])
    guard header[1] == 3, header[2] == 3 else { return Alert.protocolVersion }
    guard state.pointee.hasChangedCipher else {
      switch header[0] {
      case ContentType.changeCipherSpec: return length == 1 ? nil : Alert.decodeError
      case ContentType.alert: return length == 2 ? nil : Alert.unexpectedMessage
      default: return Alert.unexpectedMessage
      }
    }
    let content = length - RecordSuite(index: state.pointee.suite).overhead
    switch header[0] {
    case ContentType.handshake:
      guard content >= 0 else { return Alert.badRecordMAC }
      // Whatever is longer than a Finished is none, or has something behind it.
      return content <= ResumptionMemory.finishedCount ? nil : Alert.unexpectedMessage
    case ContentType.alert: return content == 2 ? nil : Alert.unexpectedMessage
    default: return Alert.unexpectedMessage
    }
  }

  private func takeClear(_ record: UnsafePointer<UInt8>) -> Taken {
    let content = record + RecordLayer.headerCount
    guard record[0] == ContentType.changeCipherSpec else { return takeAlert(content) }
    guard content[0] == 1 else { return .refused(Alert.decodeError) }
    state.pointee.hasChangedCipher = true
    return .nothing
  }

  private func takeSealed(_ count: Int, _ library: TLSLibrary) -> Taken {
    let (record, shape) = (memory[.record], RecordSuite(index: state.pointee.suite))
    let contentCount = count - RecordLayer.headerCount - shape.overhead
    let type = record.octets[0]
    guard state.pointee.records!.openTLS12(record, contentCount, library) else {
      return .refused(Alert.badRecordMAC)
    }
    let content = record + shape.prefixCount
    return type == ContentType.alert ? takeAlert(content.octets) : takeFinished(content, contentCount)
  }

  /// Warnings that don't end the connection are passed over (RFC 5246 section 7.2.2).
  private func takeAlert(_ content: UnsafePointer<UInt8>) -> Taken {
    guard content[0] == Alert.warning, content[1] != Alert.closeNotify else {
      return .failed(.peerAlert(content[1]))
    }
    return takeNothing()
  }

  private func takeNothing() -> Taken {
    state.pointee.idle += 1
    let isFine = state.pointee.finishedCount == 0 && state.pointee.idle <= Self.idleLimit
    return isFine ? .nothing : .refused(Alert.unexpectedMessage)
  }

  /// The Finished, which may be split over records.
  private func takeFinished(_ content: UnsafeRawPointer, _ count: Int) -> Taken {
    guard count > 0 else { return takeNothing() }
    let begun = state.pointee.finishedCount
    guard begun + count <= ResumptionMemory.finishedCount else { return .refused(Alert.unexpectedMessage) }
    let (finished, expected) = (memory[.finished], memory[.expected])
    (finished + begun).copyMemory(from: content, byteCount: count)
    state.pointee.finishedCount = begun + count
    guard finished.octets[0] == HandshakeType.finished else { return .refused(Alert.unexpectedMessage) }
    let headCount = min(begun + count, 4)
    guard (0..<headCount).allSatisfy({ finished.octets[$0] == expected.octets[$0] }) else {
      return .refused(Alert.decodeError)
    }
    guard begun + count == ResumptionMemory.finishedCount else { return .nothing }
    let isRight = CRYPTO_memcmp(finished, expected, ResumptionMemory.finishedCount) == 0
    return isRight ? .finished : .refused(Alert.decryptError)
  }
}
