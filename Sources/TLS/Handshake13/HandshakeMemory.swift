internal import COpenSSL

/// What our own handshake keeps of a connection between its two flights; wiped at its end.
struct HandshakeState {
  enum Phase {
    /// The client's Finished is to come.
    case waiting
    case done
    case failed(TLSFailure)
  }

  var phase = Phase.waiting
  /// False exactly when the ClientHello is still to be answered.
  var isBegun = false
  /// Index of a `RecordSuite`.
  var suite: UInt8 = 0
  var isResumed = false
  /// True exactly when the client gets a ticket.
  var owesTicket = false
  /// Into the configuration's application protocols; -1 for none.
  var protocolIndex: Int32 = -1
  var nameCount: UInt8 = 0
  /// Of the key exchange: the group, and the lengths of the two shares; 0 as long as it hasn't been made.
  var group: UInt16 = 0
  var shareCount: UInt8 = 0
  var clientShareCount: UInt8 = 0
  /// Records that were opened with the client's handshake key.
  var received: UInt64 = 0
  /// Records that brought nothing.
  var idle: UInt8 = 0
  /// Bytes of the client's Finished so far.
  var finishedCount: UInt8 = 0
  /// Bytes of a record's header so far.
  var headerCount: UInt8 = 0
  /// A record that came in pieces, with its header, of `partialLimit` bytes; seldom there.
  var partial: UnsafeMutableRawPointer?
  var partialCount = 0
  var partialLimit = 0
}

/// The state and, behind it, bytes.
struct HandshakeMemory: ~Copyable {
  /// A place for bytes: where it begins, counted from the state's end.
  enum Place: Int {
    /// Of the client's handshake records.
    case key = 0
    case iv = 32
    /// The application traffic secrets.
    case clientSecret = 48
    case serverSecret = 96
    /// The pre-shared key of the ticket that the client gets.
    case ticketSecret = 144
    /// The ticket's vector, and what disguises its age.
    case vector = 192
    case ageAdd = 208
    /// The client's Finished as it has to be, and as it came.
    case expected = 216
    case finished = 272
    case header = 328
    /// The server name that the client sent.
    case name = 336
    /// The key exchange: its secret, our share, and the client's.
    case shared = 592
    case share = 624
    case clientShare = 696
    case end = 768
  }

  static var byteCount: Int { MemoryLayout<HandshakeState>.stride + Place.end.rawValue }

  private let memory: UnsafeMutableRawPointer

  init() {
    memory = .allocate(byteCount: Self.byteCount, alignment: MemoryLayout<HandshakeState>.alignment)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: Self.byteCount)
    memory.bindMemory(to: HandshakeState.self, capacity: 1).initialize(to: HandshakeState())
  }

  deinit {
    dropPartial()
    OPENSSL_cleanse(memory, Self.byteCount)
    memory.deallocate()
  }

  var state: UnsafeMutablePointer<HandshakeState> { memory.assumingMemoryBound(to: HandshakeState.self) }

  subscript(_ place: Place) -> UnsafeMutableRawPointer {
    memory + MemoryLayout<HandshakeState>.stride + place.rawValue
  }

  func bytes(_ place: Place, _ count: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: self[place], count: count)
  }

  /// Wipes what the handshake alone needed.
  func wipeSecrets() { OPENSSL_cleanse(self[.key], Place.header.rawValue) }

  /// Wipes the exchange's secret. No share may go with the zeros that are there then.
  func wipeExchange() {
    OPENSSL_cleanse(self[.shared], Int(COPENSSL_SHARED_COUNT))
    state.pointee.shareCount = 0
  }

  func dropPartial() {
    guard let partial = state.pointee.partial else { return }
    OPENSSL_cleanse(partial, state.pointee.partialLimit)
    partial.deallocate()
    state.pointee.partial = nil
  }
}
