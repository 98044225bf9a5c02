internal import Basics
public import Policy
internal import Telemetry

/// What the waiting room, the budgets and the refusals have done.
public struct AdmissionSnapshot: Sendable {
  /// Why a connection was refused ahead of TLS or in words; the cases are the `reason` of metrics and logs.
  public enum Refusal: String, Sendable, CaseIterable {
    case roomFull = "room-full"
    case tooLong = "too-long"
    case patienceOver = "patience-over"
    case processLimit = "process-limit"
    case listenerLimit = "listener-limit"
    case addressConnections = "address-connections"
    case addressRate = "address-rate"
    case denied
    case notTLS = "not-tls"
    case malformedHello = "malformed-hello"
    case proxyHeader = "proxy-header"
  }

  /// Waiting now, all workers together, and the most that may.
  public var waiting = 0
  public var waitingCapacity = 0
  /// Connected, with a place kept for them until they say what they are.
  public var expected = 0
  public var longestWait = Duration.zero
  /// Admitted from the room since the start, and the longest that one of them waited.
  public var admitted: UInt64 = 0
  public var waitMax = Duration.zero
  /// What of a TLS client's patience is kept for its handshake, in the slowest worker.
  public var handshakeMargin = Duration.zero
  /// Clients that left the room by themselves.
  public var gone: UInt64 = 0
  /// By `Refusal.allCases`.
  public var refused = [UInt64](repeating: 0, count: Refusal.allCases.count)
  /// How they were refused.
  public var refusedBeforeTLS: UInt64 = 0
  public var refusedUnavailable: UInt64 = 0
  public var refusedHeld: UInt64 = 0
  /// Clients that are held now, and the most that may be.
  public var held = 0
  public var heldCapacity = 0
  /// Nanoseconds of CPU that a handshake of each class is expected to cost, by `HandshakeClass.allCases`.
  public var costs: [UInt64] = []
  public var ledger = LedgerFigures()
  /// The virtual backlog of return slots: how far ahead the next one would be.
  public var returnBacklog = Duration.zero
  /// Client addresses that have a row, those that found none, and the rows there are.
  public var addresses: [AddressTable.Row] {
    get { listed ?? walk() }
    set { listed = newValue }
  }
  public var addressOverflows: UInt64 = 0
  public var addressCapacity = 0
  public var addressLimits = AddressLimits()
  private var listed: [AddressTable.Row]?
  /// Walked only for who asks: it may be long, and each row is read under a lock of the data plane's.
  private var table: AddressTable?
  private var readAt = MonotonicTime.zero

  public init() {}

  private func walk() -> [AddressTable.Row] {
    var rows: [AddressTable.Row] = []
    table?.forEach(now: readAt) { rows.append($0) }
    return rows
  }

  public subscript(refusal: Refusal) -> UInt64 {
    refused[Refusal.allCases.firstIndex(of: refusal)!]
  }
}

extension AdmissionSnapshot {
  init(_ process: ProcessShared, _ workers: [WorkerShared], now: MonotonicTime) {
    let counted = Counted(summing: workers.map(\.admission))
    waiting = process.admission.waitingCount
    expected = process.admission.process.expectedCount
    waitingCapacity = process.admission.capacity
    func longest(_ key: AdmissionCounter) -> Duration {
      .nanoseconds(Int64(clamping: workers.map { $0.admission[key] }.max() ?? 0))
    }
    longestWait = longest(.longestWaitNanoseconds)
    handshakeMargin = longest(.marginNanoseconds)
    waitMax = longest(.waitMaxNanoseconds)
    admitted = counted[.admitted]
    gone = counted[.gone]
    refused = Refusal.allCases.map { counted[$0.counter] }
    refusedBeforeTLS = counted[.beforeTLS]
    refusedUnavailable = counted[.unavailable]
    refusedHeld = counted[.held]
    held = process.held.now
    heldCapacity = process.held.limit
    ledger = process.ledger.figures
    returnBacklog = process.admission.returns.backlog(now: now)
    table = process.addresses
    readAt = now
    addressOverflows = process.addresses.overflowCount
    addressCapacity = process.addresses.capacity
    addressLimits = process.addresses.limits
  }
}
