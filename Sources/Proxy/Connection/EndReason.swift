/// Who ended a connection.
public enum EndedBy: UInt8, Sendable, CaseIterable { case client, backend, proxy, `operator` }

/// Why a connection ended.
public enum EndCause: UInt8, Sendable, CaseIterable {
  /// In order: both sides said their goodbyes.
  case finished
  /// Gone without a goodbye where one was due (FIN in the middle, TLS without close_notify).
  case truncated
  /// A TCP reset, or another socket error.
  case reset
  /// Longer than the phase's deadline.
  case deadline
  /// Bytes that break the protocol of the phase: TLS, HTTP.
  case malformed
  /// The request was understood and refused: no route, an upgrade where none was asked for.
  case refused
  /// No backend could be reached.
  case unreachable
  /// A limit: of connections, of a rate, of the waiting room, of an address; or an address that is denied.
  case limited
  /// Descriptors, buffers or slots ran out.
  case exhausted
  /// The drain window or a stop.
  case drained
}

/// How a connection ended: who, in which phase, why. One value, in the log line and in the metrics.
public struct EndReason: Hashable, Sendable {
  public var who: EndedBy
  public var phase: Phase
  public var cause: EndCause

  public init(who: EndedBy, phase: Phase, cause: EndCause) {
    self.who = who
    self.phase = phase
    self.cause = cause
  }
}
