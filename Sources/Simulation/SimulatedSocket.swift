internal import Basics
internal import Glibc
internal import Proxy

/// A connection between the proxy and a peer, as the kernel sees it: a bounded stream in each direction, its
/// ends, and what the proxy has in flight on it. Behaves like Linux's TCP.
final class SimulatedSocket {
  enum Peer {
    case client(SimulatedClient)
    case backend(SimulatedBackend)
    /// A backend that hasn't accepted (yet).
    case nobody
  }

  struct Receive {
    var token: CompletionToken
    var multishot: Bool
    var sequence: Int
    /// True exactly when an event for it is in the queue.
    var isScheduled = false
    /// True exactly when the proxy asked for its cancellation.
    var isCancelled = false
  }

  struct Send {
    var token: CompletionToken
    var parts: [BuffersInFlight.Part]
    var total: Int
    var sent = 0
    var sequence: Int
    var isScheduled = false
  }

  let id: Int
  var peer: Peer
  let capacity: Int
  var handle = SocketHandle.none

  var toProxy = ByteStream()
  var toPeer = ByteStream()
  /// True exactly when the peer's FIN has come.
  var peerFinished = false
  /// True exactly when the peer has no descriptor for it any more; data for it is answered by a reset.
  var peerClosed = false
  var proxyFinished = false
  var proxyClosed = false
  /// True exactly when a reset has come from the peer.
  var wasReset = false
  /// Taken by the first operation that sees it: after a reset one send gets the error and the receive 0.
  var pendingError: Int32 = 0
  /// True exactly when the proxy's side has sent a reset.
  var peerSeesReset = false

  var isConnected = false
  /// True exactly when a send is to be begun before the connect is over.
  var awaitsSend = false
  /// True exactly when what comes is acknowledged as late as may be.
  var acknowledgesLate = false
  var receiving: Receive?
  var sending: Send?
  var connecting: CompletionToken?
  /// From when cancels find the connect: before, its chain is between two links.
  var connectBegins = MonotonicTime.zero
  /// True exactly when a cancel hasn't found it.
  var cancelMissedConnect = false
  /// What the proxy hasn't been told the end of. Cancels may share a token.
  var inFlight: [(token: CompletionToken, verb: Verb)] = []
  /// True exactly when `close` was asked for: any further verb breaks the rules.
  var isClosing = false
  /// How to close once no receive is armed any more.
  var closesWithReset: Bool?
  private var sequence = 0

  enum Verb { case receive, send, shutdown, connect, cancel, close, address }

  init(id: Int, peer: Peer, capacity: Int) {
    self.id = id
    self.peer = peer
    self.capacity = capacity
  }

  func forget(_ token: CompletionToken) {
    if let index = inFlight.firstIndex(where: { $0.token == token }) { inFlight.remove(at: index) }
  }

  func nextSequence() -> Int {
    sequence += 1
    return sequence
  }

  var isReadable: Bool { !toProxy.isEmpty || peerFinished || wasReset }
  var isWritable: Bool {
    isConnected && (toPeer.count < capacity || wasReset || proxyFinished || peerClosed)
  }

  /// The error or the end that a receive gets when no bytes are left.
  func takeReceiveEnd() -> Int32 {
    let error = pendingError
    pendingError = 0
    return -error
  }

  /// The error that a send gets after a reset or a shutdown.
  func takeSendError() -> Int32 {
    let error = pendingError
    pendingError = 0
    return error == 0 ? -EPIPE : -error
  }

  /// The peer's reset has come: what waits to be sent is gone, what came before can still be read.
  func receiveReset() {
    guard !wasReset else { return }
    wasReset = true
    pendingError = peerFinished ? EPIPE : ECONNRESET
    toPeer = ByteStream()
    peerClosed = true
  }
}

/// The peer's verbs.
extension SimulatedSocket {
  /// True exactly when the peer can neither read nor write any more.
  var isDeadForPeer: Bool { peerClosed || (peerSeesReset && toPeer.isEmpty) }
  /// True exactly when the peer has read everything and the proxy's FIN.
  var isAtEndForPeer: Bool { toPeer.isEmpty && (proxyFinished || peerSeesReset) }
  var roomForPeer: Int { proxyClosed ? Int.max : max(0, capacity - toProxy.count) }

  /// Writes what fits and says how much it was. Writing to a proxy that has closed brings a reset.
  func peerWrite(_ bytes: ArraySlice<UInt8>) -> Int {
    guard !peerClosed, !peerFinished, !peerSeesReset else { return 0 }
    if proxyClosed {
      peerSeesReset = true
      return 0
    }
    let fits = min(roomForPeer, bytes.count)
    toProxy.append(bytes.prefix(fits))
    return fits
  }

  func peerFinish() { peerFinished = true }

  func peerReset() {
    receiveReset()
  }

  /// Closes the peer's descriptor: with a FIN, or with a reset when it hadn't read everything.
  func peerClose() {
    guard !peerClosed else { return }
    if !toPeer.isEmpty && !proxyClosed { return receiveReset() }
    peerFinished = true
    peerClosed = true
  }
}
