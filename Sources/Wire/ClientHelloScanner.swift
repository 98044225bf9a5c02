/// What is known of a ClientHello whose bytes are still coming.
public enum ClientHelloScan: Hashable, Sendable {
  case incomplete
  case complete(ClientHello)
  /// The first bytes aren't those of a TLS handshake record.
  case notTLS
  case malformed(ClientHelloError)
}

/// Collects a ClientHello that comes in any number of pieces and records (RFC 8446 section 5.1).
public struct ClientHelloScanner: Sendable {
  /// The longest hello, bytes, record headers included.
  public static let limit = 16384

  /// Where the next record begins.
  private var position = 0
  /// Bytes of the message in the records before that.
  private var collected = 0
  private var recordCount = 0
  /// Bytes of the message to wait for: its header, then all of it.
  private var needed = 4

  public init() {}

  /// Looks at the bytes collected so far, which begin with those of the call before.
  public mutating func scan(_ bytes: Span<UInt8>) -> ClientHelloScan {
    while true {
      switch record(bytes) {
      case .failure(let result): return result
      case .success(let body):
        // The message's own length tells early that it is too long.
        if recordCount == 0, let error = checkStart(bytes) { return .malformed(error) }
        guard body.upperBound <= bytes.count else { return .incomplete }
        position = body.upperBound
        collected += body.count
        recordCount += 1
      }
      if let result = finish(bytes) { return result }
    }
  }

  private enum Step {
    case success(Range<Int>)
    case failure(ClientHelloScan)
  }

  /// The body of the record at `position`, which may not be there as a whole.
  private func record(_ bytes: Span<UInt8>) -> Step {
    let wrong: ClientHelloScan = recordCount == 0 ? .notTLS : .malformed(.record)
    let available = bytes.count - position
    guard position + 5 <= Self.limit else { return .failure(.malformed(.tooLong)) }
    if available > 0, bytes[position] != 22 { return .failure(wrong) }
    if available > 1, bytes[position + 1] != 3 { return .failure(wrong) }
    guard available >= 5 else { return .failure(.incomplete) }
    let length = Int(bytes.bigEndian(position + 3..<position + 5))
    guard length > 0, length <= 16384 else { return .failure(.malformed(.record)) }
    let body = position + 5..<position + 5 + length
    guard body.upperBound <= Self.limit else { return .failure(.malformed(.tooLong)) }
    if recordCount == 0, available > 5, bytes[position + 5] != 1 { return .failure(.malformed(.record)) }
    return .success(body)
  }

  /// The message's length, where the first record has it.
  private func checkStart(_ bytes: Span<UInt8>) -> ClientHelloError? {
    guard bytes.count >= 9, bytes[3] != 0 || bytes[4] >= 4 else { return nil }
    return Int(bytes.bigEndian(6..<9)) + 9 > Self.limit ? .tooLong : nil
  }

  /// Parses once the records hold the whole message.
  private mutating func finish(_ bytes: Span<UInt8>) -> ClientHelloScan? {
    guard collected >= needed else { return nil }
    if recordCount == 1 { return finish(bytes, message: 5..<position) }
    let message = joined(bytes)
    return finish(message.span, message: 0..<message.count)
  }

  private mutating func finish(_ bytes: Span<UInt8>, message: Range<Int>) -> ClientHelloScan? {
    let start = message.lowerBound
    guard bytes[start] == 1 else { return .malformed(.record) }
    let length = Int(bytes.bigEndian(start + 1..<start + 4))
    guard length + 9 <= Self.limit else { return .malformed(.tooLong) }
    needed = 4 + length
    guard message.count >= needed else { return nil }
    do throws(ClientHelloError) {
      var parser = ClientHelloParser()
      return .complete(try parser.parse(start + 4..<start + 4 + length, in: bytes))
    } catch {
      return .malformed(error)
    }
  }

  /// The records' bodies, one behind the other: few clients split their hello, so the copy is rare.
  private func joined(_ bytes: Span<UInt8>) -> [UInt8] {
    var message: [UInt8] = []
    message.reserveCapacity(collected)
    var start = 0
    while start < position {
      let length = Int(bytes.bigEndian(start + 3..<start + 5))
      bytes.append(start + 5..<start + 5 + length, to: &message)
      start += 5 + length
    }
    return message
  }
}
