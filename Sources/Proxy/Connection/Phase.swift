/// The phases of a connection's life, in order. Each has a file of its name beside this one, a deadline of
/// its name in the configuration, and is the `phase` of metrics and log lines.
public enum Phase: UInt8, Sendable, CaseIterable {
  /// The socket is ours; nothing is known but whose it is.
  case accepting
  /// For the client's first byte.
  case waiting
  /// TLS.
  case handshaking
  /// The request's head.
  case upgrading
  /// To the backend, up to its answer.
  case connecting
  /// Bytes in both directions.
  case relaying
  /// A refused client, kept idle until it is told to come again.
  case holding
  /// Waiting for what is in flight, then gone.
  case closing
}
