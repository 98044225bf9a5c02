internal import Basics

/// One of a connection's two sockets, the client's or the backend's: what is in flight on it, what it has
/// received and what it is to send.
struct Leg {
  /// What the receiving half does.
  enum Receiving: UInt8 {
    /// Nothing is armed.
    case idle
    /// Armed for one buffer.
    case once
    /// Armed until cancelled.
    case multishot
    /// Armed, and a cancel is on its way.
    case cancelling
    /// The buffers had run dry; armed again when there are some.
    case starved
    /// The peer has sent its last byte, or the socket broke.
    case ended
  }

  var socket = SocketHandle.none
  var receiving = Receiving.idle
  /// True exactly when the receiving half has once been stopped by its high-water mark. Such a half is armed
  /// for one buffer at a time, and needn't be cancelled to be stopped again.
  var isBulk = false
  /// True exactly when the peer's FIN has been seen (for TLS: its close_notify or FIN).
  var peerFinished = false
  /// True exactly when our FIN has been sent, or is on its way.
  var isShutDown = false
  /// True exactly when the receive has ended with 0 while a send was in flight: after a reset that looks like
  /// a FIN, so the send's result decides which of them it was.
  var finishIsUnproven = false
  /// True exactly when our FIN is to follow what is in `toSend`.
  var finishRequested = false
  var shutdownInFlight = false
  var connectInFlight = false
  /// True exactly when the socket is on its way out: what is in flight is cancelled and awaited, then it is
  /// closed.
  var isLeaving = false
  /// True exactly when those cancels have been issued.
  var hasCancelled = false
  var closeInFlight = false
  /// True exactly while the high-water mark keeps the receiving half from being armed.
  var isHeld = false
  /// Buffers at the head of `toSend` that the kernel is sending; 0 when no send is in flight.
  var sendingCount: UInt8 = 0
  var sendingBytes: UInt32 = 0
  /// The turn in which it began.
  var sendingSince: UInt16 = 0
  /// True exactly when it began as one that nothing waits for, and nothing has come to wait for it since.
  var isSendQuiet = false
  /// True exactly when the wait behind it was told to be for others.
  var isSendTrusted = false
  /// Sends to come that are waited for, since one wasn't over by the next turn: the peer reads slowly.
  var slowSends: UInt8 = 0
  /// Operations in flight, all kinds. The socket's slot is released when this is zero.
  var inFlight: UInt8 = 0

  /// Bytes as they came from the network, not looked at yet.
  var received = BufferQueue()
  /// Bytes as they go to the network.
  var toSend = BufferQueue()

  var isOpen: Bool { !socket.isNone }
  var isSending: Bool { sendingCount > 0 }
  var isArmed: Bool { receiving == .once || receiving == .multishot || receiving == .cancelling }
}

/// Which of a connection's legs is meant.
enum Side: UInt8 {
  case client, backend

  var other: Side { self == .client ? .backend : .client }
  var endedBy: EndedBy { self == .client ? .client : .backend }

  // The side's operations.
  var receive: Operation { self == .client ? .clientReceive : .backendReceive }
  var send: Operation { self == .client ? .clientSend : .backendSend }
  var shutdown: Operation { self == .client ? .clientShutdown : .backendShutdown }
  var cancel: Operation { self == .client ? .clientCancel : .backendCancel }
  var close: Operation { self == .client ? .clientClose : .backendClose }
}
