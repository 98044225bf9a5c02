/// What a call of `TLSSession.handshake` came to.
public struct HandshakeProgress: Sendable, Equatable {
  public enum Step: Sendable, Equatable {
    /// Established. What of the input wasn't consumed is the first of the connection's records.
    case done
    /// All of the input was consumed; more of it must come.
    case wantsInput
    /// The output is full; call again with room, and with what is left of the input.
    case wantsRoom
    /// Over. The output may hold an alert, which the peer should get.
    case failed(TLSFailure)
  }
  public var step: Step
  /// Bytes of the input that were taken.
  public var consumed: Int
  /// Bytes of output to be sent.
  public var produced: Int
}

/// What a call of `TLSSession.read` came to. `read` bytes are there whatever the status says, and come before
/// what it says.
public struct ReadProgress: Sendable, Equatable {
  public enum Status: Sendable, Equatable {
    /// There is data. When it fills the room given there may be more: call again, with empty input too.
    case data
    /// No data, all of the input consumed.
    case wantsInput
    /// The output is full with something that must go to the peer first.
    case wantsRoom
    /// The peer has said that it sends no more (close_notify). Writing may go on.
    case closed
    /// Over. The output may hold an alert, which the peer should get.
    case failed(TLSFailure)
  }
  public var status: Status
  /// Bytes of the input that were taken.
  public var consumed: Int
  /// Bytes of data.
  public var read: Int
  /// Bytes of output to be sent.
  public var produced: Int
}

/// What a call of `TLSSession.write` came to.
public struct WriteProgress: Sendable, Equatable {
  public enum Status: Sendable, Equatable {
    /// All was written.
    case written
    /// The output has no room for the rest.
    case wantsRoom
    case failed(TLSFailure)
  }
  public var status: Status
  /// Bytes of the data that were taken.
  public var written: Int
  /// Bytes of output to be sent.
  public var produced: Int
}
