internal import COpenSSL

/// What an abbreviated handshake keeps between the client's two flights.
struct ResumptionState: ~Copyable {
  var phase = HandshakeState.Phase.waiting
  /// Index of a `RecordSuite`.
  var suite: UInt8
  /// Into the configuration's application protocols; -1 for none.
  var protocolIndex: Int32
  /// True exactly when the client has said that it seals what follows (RFC 5246 section 7.1).
  var hasChangedCipher = false
  /// Records that brought nothing.
  var idle: UInt8 = 0
  /// Bytes of a record so far, with its header.
  var recordCount = 0
  /// Bytes of the client's Finished so far.
  var finishedCount = 0
  /// Bytes of the server name.
  var nameCount = 0
  /// What goes on once the handshake is done. Its first records in both directions are the Finished messages.
  var records: RecordLayer?

  init(suite: UInt8, protocolIndex: Int32) {
    self.suite = suite
    self.protocolIndex = protocolIndex
  }
}

/// The state and, behind it, bytes; wiped at its end.
struct ResumptionMemory: ~Copyable {
  /// A place for bytes: where it begins, counted from the state's end.
  enum Place: Int {
    /// The client's Finished as it has to be, and as it came.
    case expected = 0
    case finished = 16
    /// No longer one has a place in this handshake.
    case record = 32
    /// The session's server name, to the end.
    case name = 80
  }

  static let finishedCount = 16
  static let recordLimit = 48

  private let memory: UnsafeMutableRawPointer

  init(_ state: consuming ResumptionState, serverName: UnsafeRawBufferPointer?) {
    let nameCount = serverName?.count ?? 0
    memory = .allocate(
      byteCount: MemoryLayout<ResumptionState>.stride + Place.name.rawValue + nameCount, alignment: 16)
    let typed = memory.bindMemory(to: ResumptionState.self, capacity: 1)
    typed.initialize(to: state)
    typed.pointee.nameCount = nameCount
    if let serverName, nameCount > 0 {
      self[.name].copyMemory(from: serverName.baseAddress!, byteCount: nameCount)
    }
  }

  deinit {
    state.deinitialize(count: 1)
    OPENSSL_cleanse(self[.expected], Place.name.rawValue)
    memory.deallocate()
  }

  var state: UnsafeMutablePointer<ResumptionState> { memory.assumingMemoryBound(to: ResumptionState.self) }

  subscript(_ place: Place) -> UnsafeMutableRawPointer {
    memory + MemoryLayout<ResumptionState>.stride + place.rawValue
  }
}
