internal import COpenSSL

/// A TLS connection after its handshake, without OpenSSL's object. Of TLS 1.3 the secrets, IVs and counters of both
/// directions, and with AES-128-GCM the keys: 144 bytes at most. Opens and seals records in place (RFC 8446
/// section 5). Of TLS 1.2 keys, IVs and counters, 112 bytes at most (`RecordLayer+TLS12.swift`).
///
/// Belongs to a worker; `library` is always that worker's. What it holds is wiped at its end.
public struct RecordLayer: ~Copyable {
  /// Bytes of a record's header.
  static let headerCount = 5
  /// The most that a record carries, and the most that it is without its header (RFC 8446 sections 5.1, 5.2).
  public static let plaintextLimit = 16384
  static let ciphertextLimit = plaintextLimit + 256
  /// The longest record.
  public static let recordLimit = headerCount + ciphertextLimit
  /// Bytes that `seal` may write before the data: an alert of TLS 1.2, longer than a KeyUpdate's record, and a header.
  public static let headRoom = alertRoom + headerCount + RecordSuite.explicitCount
  /// Bytes that `seal` writes behind the data: the content type and the tag.
  public static let tailRoom = 1 + RecordSuite.tagCount
  /// Room that an alert takes: TLS 1.2's, with AES-GCM, is longer than TLS 1.3's.
  public static let alertRoom = headerCount + RecordSuite.explicitCount + 2 + RecordSuite.tagCount
  /// Records in a row that a peer may send without any data in them.
  static let idleLimit: UInt8 = 32

  /// Bytes of a record of TLS 1.3 with `count` bytes of content.
  static func shortRecord(_ count: Int) -> Int { headerCount + count + tailRoom }

  let memory: UnsafeMutableRawPointer
  var state: UnsafeMutablePointer<RecordState> { memory.assumingMemoryBound(to: RecordState.self) }
  @inline(__always) var isTLS12: Bool { state.pointee.suite >= RecordSuite.tls13Count }
  var suite: RecordSuite { RecordSuite(index: state.pointee.suite) }

  /// - Parameters:
  ///   - receiving: the peer's traffic secret; with `sending` of the suite's hash's length.
  ///   - sent: records that were already sealed with the sending secret.
  /// - Returns: nil when the suite isn't one of TLS 1.3's.
  static func make(
    suite: CipherSuite, receiving: UnsafeRawBufferPointer, sending: UnsafeRawBufferPointer, sent: UInt64
  ) -> RecordLayer? {
    guard let index = RecordSuite.index(of: suite) else { return nil }
    let shape = RecordSuite(index: index)
    guard receiving.count == shape.secretCount, sending.count == shape.secretCount else { return nil }
    let layer = RecordLayer(shape, RecordState(sent: sent, suite: index), receiving, sending)
    layer.deriveKeys(.receiving)
    layer.deriveKeys(.sending)
    return layer
  }

  /// The rest is the caller's to fill in.
  init(_ shape: RecordSuite, _ state: RecordState) {
    memory = .allocate(byteCount: shape.stateCount, alignment: MemoryLayout<RecordState>.alignment)
    memory.initializeMemory(as: RecordState.self, to: state)
  }

  private init(
    _ shape: RecordSuite, _ state: RecordState, _ receiving: UnsafeRawBufferPointer,
    _ sending: UnsafeRawBufferPointer
  ) {
    self.init(shape, state)
    (memory + shape.secret(.receiving)).copyMemory(from: receiving.baseAddress!, byteCount: receiving.count)
    (memory + shape.secret(.sending)).copyMemory(from: sending.baseAddress!, byteCount: sending.count)
  }

  deinit {
    let count = suite.stateCount
    OPENSSL_cleanse(memory, count)
    memory.deallocate()
  }

  public var cipherSuite: CipherSuite { suite.suite }

  /// Bytes of this connection's state.
  public var stateCount: Int { suite.stateCount }

  private func secret(_ direction: RecordDirection) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: memory + suite.secret(direction), count: suite.secretCount)
  }

  /// RFC 8446 section 7.3.
  private func deriveKeys(_ direction: RecordDirection) {
    let (suite, memory) = (suite, memory)
    let schedule = KeySchedule(hashCount: suite.secretCount)
    schedule.with(memory + suite.secret(direction)) {
      schedule.expand($0, "iv", into: memory + suite.iv(direction), RecordSuite.ivCount)
      guard suite.keepsKeys else { return }
      schedule.expand($0, "key", into: memory + suite.key(direction), suite.keyCount)
    }
  }

  /// A direction's key, valid until the next one is asked for. Nil when OpenSSL fails.
  @inline(__always) func key(_ direction: RecordDirection, _ library: TLSLibrary) -> UnsafeRawPointer? {
    let suite = suite
    guard suite.keepsKeys else {
      return library.records.derivedKey(UnsafeRawBufferPointer(secret(direction)))
    }
    return UnsafeRawPointer(memory + suite.key(direction))
  }

  /// Wipes what the worker remembers of this connection's keys. To be called before it is given up.
  public mutating func forgetKeys(library: TLSLibrary) {
    forgetKey(.receiving, library)
    forgetKey(.sending, library)
  }

  private func forgetKey(_ direction: RecordDirection, _ library: TLSLibrary) {
    guard !suite.keepsKeys else { return }
    library.records.derived.forget(UnsafeRawBufferPointer(secret(direction)))
  }

  /// Replaces a direction's secret by its successor and starts its sequence anew (RFC 8446 section 7.2).
  mutating func update(_ direction: RecordDirection, _ library: TLSLibrary) {
    forgetKey(direction, library)
    let secret = secret(direction)
    let schedule = KeySchedule(hashCount: secret.count)
    schedule.with(secret.baseAddress!) {
      schedule.expand($0, "traffic upd", into: secret.baseAddress!, secret.count)
    }
    deriveKeys(direction)
    switch direction {
    case .receiving: state.pointee.received = 0
    case .sending: state.pointee.sent = 0
    }
  }

  /// Gives `body` the nonce of a record: the sequence number over the IV (RFC 8446 section 5.3).
  func withNonce(
    _ direction: RecordDirection, _ sequence: UInt64, _ body: (UnsafeRawPointer) -> Bool
  ) -> Bool {
    let iv = UnsafeRawPointer(memory + suite.iv(direction))
    var nonce: (UInt64, UInt64) = (0, 0)
    return withUnsafeMutableBytes(of: &nonce) { nonce in
      nonce.storeBytes(of: iv.loadUnaligned(as: UInt32.self), as: UInt32.self)
      let low = iv.loadUnaligned(fromByteOffset: 4, as: UInt64.self) ^ sequence.bigEndian
      nonce.storeBytes(of: low, toByteOffset: 4, as: UInt64.self)
      return body(UnsafeRawPointer(nonce.baseAddress!))
    }
  }
}
