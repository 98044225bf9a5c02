public import Basics

/// What is told of a connection once it has ended: the source of its log line.
public struct ConnectionRecord: Sendable {
  public enum TLSVersion: UInt8, Sendable { case none, tls12, tls13 }

  /// CLOCK_MONOTONIC; the reader adds the difference to the wall clock.
  public var acceptedAt: MonotonicTime
  /// How long each phase took; zero for phases not reached.
  public var waiting = Duration.zero
  public var handshaking = Duration.zero
  public var upgrading = Duration.zero
  public var connecting = Duration.zero
  public var lifetime = Duration.zero

  public var worker: Int
  public var client: Endpoint?
  public var listener: String
  public var pool: String?
  public var backend: String?
  public var backendAddress: Endpoint?

  public var bytesFromClient: UInt64 = 0
  public var bytesToClient: UInt64 = 0
  public var messagesFromClient: UInt64 = 0
  public var messagesToClient: UInt64 = 0
  /// The code of the close frame that each side sent (RFC 6455 section 7.4); nil without one.
  public var closeCodeFromClient: UInt16?
  public var closeCodeFromBackend: UInt16?

  public var tlsVersion = TLSVersion.none
  public var tlsResumed = false
  /// The status of the answer to the request; 0 when there was none.
  public var status: UInt16 = 0
  public var end: EndReason
  /// Which limit it was, where the client was refused by one.
  public var refusal: AdmissionSnapshot.Refusal?

  public init(acceptedAt: MonotonicTime, worker: Int, listener: String, end: EndReason) {
    self.acceptedAt = acceptedAt
    self.worker = worker
    self.listener = listener
    self.end = end
  }
}
