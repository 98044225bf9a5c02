import Basics
import Glibc

/// How an attempt of a client ended.
enum Ending {
  /// In order, as we wished. `truncated` is true exactly when TLS ended without the peer's close_notify.
  case closed(truncated: Bool)
  /// No connection came about; the text is the system's.
  case unreachable(String)
  case reset
  /// The peer closed without a word.
  case finished
  /// An HTTP answer that isn't 101; the peer's Retry-After in seconds.
  case answered(status: Int, retryAfter: Double?)
  /// A close frame that we hadn't asked for.
  case closeCode(Int)
  /// What a correct peer doesn't do.
  case failed(String)
}

/// What a load wants to know of its clients.
protocol ClientDelegate: AnyObject {
  /// The 101 has come.
  func opened(_ client: Client, now: MonotonicTime)
  /// A whole message; `payload` is valid during the call.
  func received(_ payload: UnsafeRawBufferPointer, by client: Client, now: MonotonicTime)
  func ended(_ ending: Ending, of client: Client, now: MonotonicTime)
  func alarm(_ kind: Alarm.Kind, of client: Client, now: MonotonicTime)
}

/// One client: an attempt after the other, each connect, TLS, upgrade, messages, orderly close.
final class Client {
  enum Phase { case idle, connecting, handshaking, upgrading, open, closing, lingering }

  let id: Int
  unowned let loop: ClientLoop
  /// Counts the attempts; what belongs to an earlier one is ignored.
  private(set) var attempt: UInt32 = 0
  var phase = Phase.idle
  var stream: ByteStream?
  /// Where sessions go and come from; several clients may have the same.
  var box: SessionBox?
  var resume = false
  /// Free for the load: when something of this client began.
  var began = MonotonicTime.zero
  /// Free for the load: messages sent.
  var messages = 0

  var input: [UInt8] = []
  var output: [UInt8] = []
  var outputStart = 0
  /// Pieces of a fragmented message.
  var fragments: [UInt8] = []
  var key = ""
  /// What is reported once the peer's FIN has come.
  var ending: Ending?
  private(set) var wasResumed = false

  init(id: Int, loop: ClientLoop) {
    self.id = id
    self.loop = loop
  }

  /// Begins an attempt. The load sets the deadline, by an alarm.
  func connect(now: MonotonicTime) {
    drop()
    attempt &+= 1
    let target = loop.target
    let source = target.sources > 0 ? id % target.sources : nil
    switch StreamSocket.connect(to: target.address, port: target.port, source: source) {
    case .failure(let error): end(.unreachable(error.description), now: now)
    case .success(let descriptor):
      phase = .connecting
      stream = ByteStream(descriptor: descriptor)
      loop.watch(self, descriptor)
    }
  }

  /// Closes the socket as it is; nobody is told.
  func drop() {
    stream = nil
    phase = .idle
    input.removeAll()
    output.removeAll()
    outputStart = 0
    fragments.removeAll()
    ending = nil
  }

  func end(_ ending: Ending, now: MonotonicTime) {
    wasResumed = stream?.isResumed ?? false
    drop()
    loop.delegate?.ended(ending, of: self, now: now)
  }

  /// Sends a message in one frame.
  func send(_ payload: UnsafeRawBufferPointer, now: MonotonicTime) {
    messages += 1
    sendFrame(Frames.Opcode.binary, payload, now: now)
  }

  /// The closing handshake of RFC 6455 section 7, then close_notify, then waits for the peer's FIN.
  func closeInOrder(now: MonotonicTime) {
    guard phase == .open else { return }
    phase = .closing
    ending = .closed(truncated: false)
    withUnsafeBytes(of: UInt16(1000).bigEndian) { sendFrame(Frames.Opcode.close, $0, now: now) }
  }

  /// Waits for the peer's FIN, then reports `ending`.
  ///
  /// The server closes first (RFC 6455 section 7.1.1): a close_notify that reaches it while it closes would make
  /// its kernel answer with a reset. Only when it stays silent do we begin.
  func linger(_ ending: Ending, now: MonotonicTime) {
    self.ending = ending
    phase = .lingering
    loop.set(.goodbye, for: self, due: now + Self.courtesy)
  }

  /// The end on every layer, from our side.
  func sayGoodbye() {
    stream?.sendCloseNotify()
    stream?.finish()
  }

  /// How long the peer may take to close first, and how long between its close_notify and its FIN: some
  /// (nginx's stream module on TLS 1.2) want our close_notify before they send the FIN.
  static let courtesy = Duration.milliseconds(250)
  static let courtesyAfterCloseNotify = Duration.milliseconds(3)

  func sendFrame(_ opcode: UInt8, _ payload: UnsafeRawBufferPointer, now: MonotonicTime) {
    let mask = UInt32(truncatingIfNeeded: loop.generator.next())
    Frames.append(to: &output, opcode: opcode, payload: payload, mask: mask)
    flush(now: now)
  }

  func flush(now: MonotonicTime) {
    while outputStart < output.count, let stream {
      let progress = output.withUnsafeBytes {
        stream.write(UnsafeRawBufferPointer(rebasing: $0[outputStart...]))
      }
      switch progress {
      case .bytes(let count): outputStart += count
      case .blocked: return
      default:
        // The reading side says why, if the peer has said anything before it went.
        return
      }
    }
    output.removeAll(keepingCapacity: output.capacity < 4096)
    outputStart = 0
  }
}
