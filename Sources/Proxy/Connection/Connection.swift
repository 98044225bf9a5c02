internal import Basics
internal import Policy
internal import Settings
internal import TLS
internal import Telemetry
internal import Wire

/// All that a worker knows of one connection: a client's socket, a backend's, and what goes between them.
///
/// Lives in the worker's slot table at a fixed address. Its phases are the files beside this one.
struct Connection: ~Copyable {
  /// What the client's bytes are, once that is known.
  enum Exchange: UInt8 {
    case unknown
    /// `mode: tcp`: any bytes.
    case stream
    /// An upgrade that the backend has answered with 101 (or may still).
    case webSocket
    /// One request that is no upgrade, and its response.
    case request
  }

  /// Steps of the closing phase for the client's socket. (The backend's is always `leaving` by then.)
  enum Closing: UInt8 {
    /// What is left for the client is being sent, then FIN.
    case flushing
    /// Our FIN is sent; the client's is awaited, and what it still sends is thrown away: closing with bytes
    /// unread would send a reset, which can overtake what was flushed.
    case lingering
    /// Operations in flight are cancelled and awaited, then the socket is closed.
    case leaving
  }

  var id = SlotID(index: 0, generation: 0)
  var phase = Phase.accepting
  var exchange = Exchange.unknown
  var client = Leg()
  var backend = Leg()

  var listener: ListenerState
  /// The place of its listening address among the worker's.
  let bind: UInt32
  let listenerCounters: CounterHandle<ListenerCounter>
  /// What its listener has counted of it, for `leave`.
  var isCounted = false
  var pool: PoolState?
  var chosen: BackendState?
  /// A bit per backend of the pool that was tried (the first 64).
  var triedBackends: UInt64 = 0
  var attempts: UInt8 = 0
  /// True exactly when the backend is connected and its answer is due.
  var isAnswerAwaited = false

  /// During the handshake; after it OpenSSL's object in TLS 1.2 or with `record_layer: openssl`.
  var session: TLSSession?
  /// What is left of TLS once the handshake is over, where it was one of TLS 1.3 or a resumption of our own.
  var records: RecordLayer?
  /// What the handshake is expected to cost, known from the ClientHello.
  var handshakeClass = HandshakeClass.plain
  /// Set aside of the worker's handshake budget; nil before admission, and once settled.
  var reservation: HandshakeBudget.Reservation?
  /// The place in the table of addresses.
  var addressPass: AddressPass?
  /// What is held of it until it has said what it is.
  var newcomer = Newcomer.unknown
  /// True exactly while it counts among the refusals in words that are under way.
  var isToBeTold = false
  /// Nanoseconds that were set aside for its handshake then.
  var wordsPaid: UInt32 = 0
  /// True exactly while a PROXY header is due.
  var expectsProxyHeader = false
  /// What the backend's PROXY header will have; nil when that is no more than the addresses.
  var introduction: Introduction?
  /// True exactly while that header can't be written yet: nothing goes to the backend before it.
  var isIntroductionDue = false
  /// True exactly when the client's first byte has come, on a TLS listener.
  var hasFirstByte = false
  /// What a waiting client has sent, while the room is crowded, or the beginning of a record, while buffers are
  /// scarce: a few bytes in memory of their own instead of a whole buffer.
  var stash = Stash()
  /// ClientHellos looked at that weren't whole yet.
  var helloScans: UInt8 = 0
  /// Set when a limit refused the client.
  var refusal: AdmissionSnapshot.Refusal?
  /// When the refused client may come again: what it is told, and when a held one is let go.
  var returnSlot = MonotonicTime.zero
  /// True exactly when the client had been told this slot at an earlier refusal, and came before it.
  var hasEarlierSlot = false
  /// True exactly when the client gets its refusal in words, once it can read them.
  var isRefused = false
  /// When the connection last entered the handshake queue, and how long it has been there in all.
  var queuedAt = MonotonicTime.zero
  var queuedNanoseconds: UInt64 = 0
  /// How long it was expected to wait for the worker's time when it was let in.
  var foreseen = HandshakeDelay.Foreseen()
  /// When it has been ready for so long that beginning its handshake is in vain.
  var handshakeDue = MonotonicTime.zero
  /// True exactly while the connection is in the worker's handshake queue.
  var isQueued = false
  /// True exactly while the connection is in the worker's list of those that wait for buffers.
  var isStarved = false
  /// True exactly when OpenSSL may hold plain bytes that the last read had no room for.
  var mayHoldPlain = false

  /// The client's plain bytes that haven't been forwarded: what followed the head.
  var plain = BufferQueue()
  /// Where a head is collected: first the request's, then the response's.
  var head = BufferID.none
  var scanner = HeadScanner()
  var requestBody = BodyFramer(.none)
  var responseBody = BodyFramer(.none)
  /// True exactly when an empty line ahead of the request has been passed over.
  var hasSkippedLine = false
  /// True exactly when the request's method was HEAD: its response has no body.
  var isHeadRequest = false
  /// True exactly when the response's body has come to its end.
  var isResponseComplete = false
  var fromClient = FrameObserver(from: .client)
  var fromBackend = FrameObserver(from: .backend)
  /// The close frames' codes; 0 without one.
  var closeCodeFromClient: UInt16 = 0
  var closeCodeFromBackend: UInt16 = 0

  /// The side that said goodbye first.
  var firstFinisher: Side?
  /// True exactly when the client's close_notify has been read.
  var hasCloseNotify = false
  /// True exactly when the client's TLS ended without close_notify.
  var isTruncated = false
  var closing = Closing.flushing
  /// True exactly when the sockets are to be reset instead of closed in order.
  var isReset = false
  /// Set when the closing phase is entered, once.
  var end: EndReason?

  var address: Endpoint?
  var acceptedAt: MonotonicTime
  var phaseEnteredAt: MonotonicTime
  var lastActivity: MonotonicTime
  var durations = PhaseDurations()
  var bytesFromClient: UInt64 = 0
  var bytesToClient: UInt64 = 0
  var messagesFromClient: UInt64 = 0
  var messagesToClient: UInt64 = 0
  var handshakeNanoseconds: UInt64 = 0
  var status: UInt16 = 0
  var tlsVersion = ConnectionRecord.TLSVersion.none
  var tlsResumed = false

  init(listener: ListenerState, bind: Int, worker: Int, now: MonotonicTime) {
    self.listener = listener
    self.bind = UInt32(bind)
    listenerCounters = listener.counters[worker].handle
    acceptedAt = now
    phaseEnteredAt = now
    lastActivity = now
  }

  /// True exactly when what goes to the client is sealed in records.
  var isSealed: Bool { records != nil || session != nil }

  /// True exactly when the client waits to hear that there will be no other handshake.
  var owesRefusal: Bool {
    switch records {
    case .some(let records): records.owesRefusal
    case .none: false
    }
  }
  var isTLS: Bool { listener.isTLS }
  var inFlight: Int { Int(client.inFlight) + Int(backend.inFlight) }
}

/// Nanoseconds that a connection spent in phases, for its record.
struct PhaseDurations {
  var waiting: UInt64 = 0
  var handshaking: UInt64 = 0
  var upgrading: UInt64 = 0
  var connecting: UInt64 = 0

  mutating func add(_ phase: Phase, _ nanoseconds: UInt64) {
    switch phase {
    case .waiting: waiting += nanoseconds
    case .handshaking: handshaking += nanoseconds
    case .upgrading: upgrading += nanoseconds
    case .connecting: connecting += nanoseconds
    case .accepting, .relaying, .holding, .closing: break
    }
  }
}

/// A connection where the table has it.
typealias ConnectionPointer = UnsafeMutablePointer<Connection>

extension ConnectionPointer {
  /// The leg of a side, where it is. (A subscript would hand it out through a coroutine, whose frame costs an
  /// allocation at each access.)
  @inline(__always) func leg(_ side: Side) -> UnsafeMutablePointer<Leg> {
    switch side {
    case .client: withUnsafeMutablePointer(to: &pointee.client) { $0 }
    case .backend: withUnsafeMutablePointer(to: &pointee.backend) { $0 }
    }
  }
}
