public import Basics
public import Policy

/// A socket of the engine's. Never a file descriptor: direct descriptors live in a ring's own table.
public struct SocketHandle: Hashable, Sendable {
  public let rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
  public static let none = SocketHandle(rawValue: .max)
  @inlinable public var isNone: Bool { rawValue == .max }
}

/// What an operation in flight does; the first byte of its token.
public enum Operation: UInt8, Sendable, CaseIterable {
  // Of a listener: the token's slot index is the listener's index.
  case accept = 1
  // Of a connection: the token's slot is the connection's.
  case clientReceive, clientSend, clientShutdown, clientCancel, clientClose, clientAddress
  case backendConnect, backendReceive, backendSend, backendShutdown, backendCancel, backendClose
  // Of the worker.
  case wake
}

/// What came of an operation.
public struct Completion: Sendable {
  public var token: CompletionToken
  /// Bytes, or another count of success; -errno where it failed.
  public var result: Int32
  /// The buffer that a receive filled (the worker owns it now, its payload set); `none` otherwise.
  public var buffer: BufferID
  /// The accepted socket; `none` otherwise.
  public var socket: SocketHandle
  /// True exactly when further completions with this token will come.
  public var more: Bool
  /// True exactly when there are bytes already that the receive's next completion will bring.
  public var isFollowed: Bool

  @inlinable public init(
    token: CompletionToken, result: Int32, buffer: BufferID = .none, socket: SocketHandle = .none,
    more: Bool = false, isFollowed: Bool = false
  ) {
    self.token = token
    self.result = result
    self.buffer = buffer
    self.socket = socket
    self.more = more
    self.isFollowed = isFollowed
  }
}

/// Everything that a worker needs of the outside world.
///
/// `UringEngine` is the real one; the simulation has another, in which time, order and faults come from a seed.
/// Each verb that takes a token starts an operation and is answered by a completion with that token; none of
/// them blocks, fails on the spot or completes before the next `submitAndWait`.
///
/// Rules that the worker keeps:
/// - at most one receive, one send and one shutdown in flight per socket;
/// - a socket is closed once, when nothing of it is in flight but possibly a receive that was cancelled;
/// - buffers given to `send` stay untouched until its completion.
public protocol IOEngine: ~Copyable {
  /// The worker's I/O buffers. The engine takes from it what it keeps ready for receives.
  var buffers: BufferPool { get set }

  /// Connections that the engine has sockets for: each needs two.
  var connectionCapacity: Int { get }

  /// The time, read at the end of the last `submitAndWait`.
  var now: MonotonicTime { get }

  /// The time right now, for bounding a turn's parts; everything else uses `now`.
  func readClock() -> MonotonicTime

  /// Nanoseconds of CPU that the thread has had, for charging a piece of work: the clock goes on while somebody
  /// else has the CPU, and a budget would pay for that. Only differences mean something.
  func readWorkClock() -> UInt64

  /// True exactly when receives can be armed again after -ENOBUFS: some buffers are ready for them.
  var hasReceiveBuffers: Bool { get }

  /// Accepts from listening sockets (several, bound to the same address, where the engine has several rings)
  /// until told to stop, a few clients at each `submitAndWait`. Completions carry the operation `accept` and the listener's index as the slot's.
  /// When a completion says that no more come, the worker starts anew with `resumeAccepting`.
  mutating func startAccepting(listener: UInt32, descriptors: [Int32])

  /// Accepts no more for now; connections queue in the kernel.
  mutating func pauseAccepting(listener: UInt32)

  mutating func resumeAccepting(listener: UInt32)

  /// Accepts no more and closes the listening sockets.
  mutating func stopAccepting(listener: UInt32)

  /// Whose socket an accept's completion brought, while that is looked at; nil where it has no name (a unix
  /// socket).
  var peerAddress: Endpoint? { get }

  /// Receives into a buffer of the pool. With `multishot` until cancelled, the peer's end (result 0), an
  /// error, -ENOBUFS when the pool has run dry, or a bounded number of bytes has come; else once.
  mutating func receive(_ socket: SocketHandle, multishot: Bool, _ token: CompletionToken)

  /// Sends the payloads of up to `sendBatch` buffers of a queue, first to last, all of it or an error:
  /// `result` is the number of bytes sent, short only when the connection broke.
  /// - Parameter isLast: a `shutdown` follows at once, so the last bytes may wait for it: they travel with the FIN.
  /// - Returns: how many buffers from the queue's head it took. They stay the worker's.
  mutating func send(
    _ socket: SocketHandle, _ queue: borrowing BufferQueue, isLast: Bool, _ token: CompletionToken
  ) -> Int

  /// Tells the peer that nothing more will be sent (FIN).
  mutating func shutdown(_ socket: SocketHandle, _ token: CompletionToken)

  /// Looks which of our addresses a connected socket has; `localAddress` is it when the completion is looked at.
  mutating func findLocalAddress(of socket: SocketHandle, _ token: CompletionToken)

  /// What `findLocalAddress` has found, while its completion is looked at; nil where it couldn't.
  var localAddress: Endpoint? { get }

  /// Cancels the operations in flight that have the token `target`. Its own completion has `token`.
  mutating func cancel(_ target: CompletionToken, on socket: SocketHandle, _ token: CompletionToken)

  /// Closes the socket. With `reset` the peer gets an RST, and what wasn't sent is dropped.
  mutating func close(_ socket: SocketHandle, reset: Bool, _ token: CompletionToken)

  /// Says that nothing waits for the operation begun last on this socket, and that it completes at once, most likely:
  /// its completion need not end a wait.
  mutating func expectsNothing(of socket: SocketHandle)

  /// Takes that back for an operation begun since the last `submitAndWait`: something waits for it after all.
  mutating func expectsSomething(of socket: SocketHandle)

  /// Opens a socket and connects it. The handle is the caller's at once and must be closed whatever comes of
  /// the connect; nil when the engine has no socket left.
  /// - Parameters:
  ///   - beside: the connection's other socket; both are kept on the same ring.
  ///   - isFollowed: a send on it is begun at once, and goes out as soon as the socket is connected. One completion tells
  ///     of both: the connect's when that has failed, else the send's.
  mutating func connect(
    to address: Endpoint, beside: SocketHandle, isFollowed: Bool, _ token: CompletionToken
  ) -> SocketHandle?

  /// Due when a connect over TCP that was followed has succeeded: the kernel has acknowledged as little as it may until
  /// then. Left so, a server that waits for an acknowledgement before it sends the next few bytes (Nagle's algorithm)
  /// would wait for 40 ms. Has no completion.
  mutating func acknowledgePromptly(on socket: SocketHandle)

  /// Hands the operations to the kernel and waits for completions until `deadline` (nil: as long as it takes;
  /// the past: not at all).
  /// - Parameter batch: what to wait for, where the engine can: nil is the first completion.
  mutating func submitAndWait(until deadline: MonotonicTime?, for batch: CompletionCoalescing.Batch?)

  /// Hands the operations to the kernel ahead of a piece of work that takes long. What comes of them is seen after
  /// the next `submitAndWait`.
  mutating func submit()

  /// True exactly when something has happened since the last `submitAndWait` that the next one brings, operations that
  /// complete at once aside.
  var hasArrivals: Bool { get }

  /// The next completion that has come; nil when the worker has seen all of them.
  mutating func nextCompletion() -> Completion?
}

extension IOEngine where Self: ~Copyable {
  public mutating func submitAndWait(until deadline: MonotonicTime?) {
    submitAndWait(until: deadline, for: nil)
  }

  /// Buffers that one send takes at most.
  public static var sendBatch: Int { 8 }
}
