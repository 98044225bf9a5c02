/// What one call of a `FrameObserver` saw.
public struct FrameFacts: Hashable, Sendable {
  /// Data messages that ended.
  public var messages: UInt32 = 0
  public var pings: UInt32 = 0
  public var pongs: UInt32 = 0
  public var closes: UInt32 = 0
  /// Bytes of data frames' payloads.
  public var payloadBytes: UInt64 = 0
  /// The last close frame's code, 1005 for one without; 0 when no close frame ended.
  public var closeCode: UInt16 = 0
  /// Set exactly in the call in which the observer turned opaque.
  public var violation: FrameViolation?

  public init() {}

  @inlinable public static func += (total: inout Self, facts: Self) {
    total.messages &+= facts.messages
    total.pings &+= facts.pings
    total.pongs &+= facts.pongs
    total.closes &+= facts.closes
    total.payloadBytes &+= facts.payloadBytes
    if facts.closes > 0 { total.closeCode = facts.closeCode }
    if let violation = facts.violation { total.violation = violation }
  }
}
