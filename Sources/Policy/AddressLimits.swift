/// What one address (or IPv6 prefix) may have.
public struct AddressLimits: Hashable, Sendable {
  /// Live connections at most; nil is no limit.
  public var connections: Int?
  public var rate: RateLimit
  /// How many leading bits of an IPv6 address count as one client, from 1 to 128.
  public var ipv6Prefix: Int

  public init(connections: Int? = nil, rate: RateLimit = .unlimited, ipv6Prefix: Int = 64) {
    self.connections = connections
    self.rate = rate
    self.ipv6Prefix = ipv6Prefix
  }
}

/// Why an address is refused.
public enum AddressRefusal: UInt8, Hashable, Sendable, CaseIterable {
  /// As many live connections as it may have.
  case connections
  /// New connections faster than it may.
  case rate
  /// The table has no place for it, and those without a place have used up what they share.
  case overflow
}

/// What an admitted connection gives back when it ends: where it is counted.
public struct AddressPass: Hashable, Sendable {
  let place: UInt32
  /// True exactly when the table had no place for the address.
  public var isOverflow: Bool { place == .max }
}

/// What becomes of a connection.
public enum AddressEntrance: Hashable, Sendable {
  case admitted(AddressPass)
  case refused(AddressRefusal)
}
