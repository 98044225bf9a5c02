/// What goes wrong in a world, each as a probability from 0 to 1 per occasion.
public struct Faults: Sendable {
  /// A receive brings less than there is; a send moves less than fits.
  public var shortTransfers = 0.0
  /// An operation takes up to `delayMaxMicroseconds` longer, so that sockets overtake each other.
  public var delays = 0.0
  public var delayMaxMicroseconds: UInt64 = 20_000
  /// A multishot receive ends without a reason (a completion queue that overflowed).
  public var receivesEnd = 0.0
  /// A multishot accept ends without a reason.
  public var acceptsEnd = 0.0
  /// An accepted client is lost: -ENFILE or -ECONNABORTED, and accepting ends.
  public var acceptsFail = 0.0
  /// -ENOBUFS although the pool has buffers: the kernel's ring was dry just then.
  public var droughts = 0.0
  public var connectsRefused = 0.0
  /// Neither an answer nor a refusal, for two minutes.
  public var connectsTimeOut = 0.0
  /// A cancel takes effect only after other things have happened.
  public var lateCancels = 0.0
  /// A wait ends with nothing come.
  public var spuriousWakeups = 0.0
  /// A wait hands over only a part of what has come.
  public var partialBatches = 0.0
  /// The worker's thread isn't run for up to a second.
  public var timeJumps = 0.0
  public var clientsMisbehave = 0.0
  public var backendsMisbehave = 0.0

  /// The pool's buffers.
  public var buffers = 256
  /// The engine's sockets.
  public var sockets = 128
  /// A socket's kernel buffers are tiny.
  public var tinyKernelBuffers = 0.0
  /// Bytes that the kernel buffers in each direction of a socket, least and most.
  public var kernelBuffer = 4096...65536

  public init() {}

  /// Everything works at once and in full.
  public static let none = Faults()

  /// A little of everything.
  public static var all: Faults {
    var faults = Faults()
    for kind in FaultKind.allCases where kind != .fewBuffers && kind != .fewSockets { kind.add(to: &faults) }
    faults.clientsMisbehave = 0.3
    faults.tinyKernelBuffers = 0.1
    faults.backendsMisbehave = 0.2
    return faults
  }

  public static func only(_ kind: FaultKind) -> Faults {
    var faults = Faults()
    kind.add(to: &faults)
    return faults
  }

  /// True exactly when no fault of these may cost a client that behaves its connection.
  public var areHarmless: Bool {
    acceptsFail == 0 && connectsRefused == 0 && connectsTimeOut == 0 && backendsMisbehave == 0
      && buffers >= 64 && sockets >= 64
  }
}

/// The kinds of faults, each with the measure in which it is tried.
public enum FaultKind: String, Sendable, CaseIterable {
  case shortTransfers, delays, receivesEnd, acceptsEnd, acceptsFail, droughts
  case connectsRefused, connectsTimeOut, lateCancels, spuriousWakeups, partialBatches, timeJumps
  case clientsMisbehave, backendsMisbehave, tinyKernelBuffers, fewBuffers, fewSockets

  public func add(to faults: inout Faults) {
    switch self {
    case .shortTransfers: faults.shortTransfers = 0.3
    case .delays: faults.delays = 0.2
    case .receivesEnd: faults.receivesEnd = 0.1
    case .acceptsEnd: faults.acceptsEnd = 0.2
    case .acceptsFail: faults.acceptsFail = 0.05
    case .droughts: faults.droughts = 0.03
    case .connectsRefused: faults.connectsRefused = 0.1
    case .connectsTimeOut: faults.connectsTimeOut = 0.05
    case .lateCancels: faults.lateCancels = 0.5
    case .spuriousWakeups: faults.spuriousWakeups = 0.1
    case .partialBatches: faults.partialBatches = 0.2
    case .timeJumps: faults.timeJumps = 0.002
    case .clientsMisbehave: faults.clientsMisbehave = 1
    case .backendsMisbehave: faults.backendsMisbehave = 0.7
    case .tinyKernelBuffers: faults.tinyKernelBuffers = 1
    case .fewBuffers: faults.buffers = 6
    case .fewSockets: faults.sockets = 6
    }
  }
}
