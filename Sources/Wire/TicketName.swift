/// The first 16 bytes of a session ticket: the name of the key that sealed it (RFC 5077 section 4), which
/// tells whether the ticket may be one of ours.
public struct TicketName: Hashable, Sendable {
  /// Big-endian halves.
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Nil for a ticket that is shorter.
  init?(_ range: Range<Int>, in bytes: Span<UInt8>) {
    guard range.count >= 16 else { return nil }
    high = bytes.bigEndian(range.lowerBound..<range.lowerBound + 8)
    low = bytes.bigEndian(range.lowerBound + 8..<range.lowerBound + 16)
  }
}
