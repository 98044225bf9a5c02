public import Basics
internal import Synchronization

/// Live connections and connection rate by address, in bounded memory; shared by all workers.
///
/// Buckets of eight places, found by a hash under a secret key, each guarded by one of 64 locks. A place is
/// given away only when its address has no live connection and its rate is as if it had never come: so
/// nobody is forgotten to his own advantage, and a flood of addresses can't push out those that are known.
/// A newcomer to a full bucket is counted with all others of the kind, against limits that they share.
public final class AddressTable: Sendable {
  /// What is known of an address, for those who look at the table.
  public struct Row: Hashable, Sendable {
    public let key: AddressKey
    public let connections: Int
    /// How many could come at once now; nil without a limit.
    public let burstLeft: UInt64?
  }

  private let stripes: [AddressStripe]
  private let hash: KeyedHash
  private let bucketMask: UInt64
  private let current: Mutex<AddressLimits>
  private let connectionsLimit: Atomic<Int>
  private let ipv6Prefix: Atomic<Int>
  private let overflowConnections = Atomic<Int>(0)
  private let overflowRate: RateLimiter
  private let overflows = Atomic<UInt64>(0)

  /// So many times one address's limits is what all without a place may have together.
  private static let overflowShare = 8

  /// - Parameters:
  ///   - capacity: addresses; rounded up to a power of two, 512 at least. Four times the live connections
  ///     that are expected leave hardly a bucket full. 40 bytes each.
  ///   - generator: gives the hash's key. In production from the system's random numbers.
  public init(capacity: Int, limits: AddressLimits, using generator: inout some RandomNumberGenerator) {
    var buckets = AddressStripe.count
    while buckets * AddressStripe.ways < min(capacity, 1 << 26) { buckets *= 2 }
    bucketMask = UInt64(buckets - 1)
    let each = buckets / AddressStripe.count
    stripes = (0..<AddressStripe.count).map { _ in AddressStripe(buckets: each, RateTerms(limits.rate)) }
    hash = KeyedHash(using: &generator)
    current = Mutex(limits)
    connectionsLimit = Atomic(limits.connections ?? .max)
    ipv6Prefix = Atomic(limits.ipv6Prefix)
    overflowRate = RateLimiter(limits.rate.times(Self.overflowShare))
  }

  public var limits: AddressLimits { current.withLock { $0 } }

  /// Addresses that have a place at most.
  public var capacity: Int { Int(bucketMask + 1) * AddressStripe.ways }

  /// Connections that found no place in the table, since the start.
  public var overflowCount: UInt64 { overflows.load(ordering: .relaxed) }

  /// Live connections without a place.
  public var overflowLive: Int { overflowConnections.load(ordering: .relaxed) }

  /// Counts a connection of this address, or says why it may not come. One that is admitted must `leave`.
  public func enter(_ address: IPAddress, now: MonotonicTime) -> AddressEntrance {
    let key = AddressKey(address, ipv6Prefix: ipv6Prefix.load(ordering: .relaxed))
    let bucket = hash(key.high, key.low) & bucketMask
    let (stripe, inside) = split(bucket)
    let limit = connectionsLimit.load(ordering: .relaxed)
    switch stripes[stripe].enter(key, bucket: inside, limit, now) {
    case .admitted(let place):
      let index = Int(bucket) * AddressStripe.ways + place
      return .admitted(AddressPass(place: UInt32(index)))
    case .refused(let reason): return .refused(reason)
    case .full: return enterOverflow(limit, now)
    }
  }

  /// Takes back an admission whose connection was never begun for another reason than its address: it
  /// doesn't count against the rate either.
  public func cancel(_ pass: AddressPass) { release(pass, refunds: true) }

  /// The connection has ended. Call once for each that was admitted.
  public func leave(_ pass: AddressPass) { release(pass, refunds: false) }

  /// Takes other limits. Live connections stay and count on; what is left of an address's burst stays as far
  /// as it fits. With another IPv6 prefix addresses begin anew.
  public func change(_ limits: AddressLimits, now: MonotonicTime) {
    current.withLock { current in
      guard limits != current else { return }
      current = limits
      connectionsLimit.store(limits.connections ?? .max, ordering: .relaxed)
      ipv6Prefix.store(limits.ipv6Prefix, ordering: .relaxed)
      overflowRate.change(to: limits.rate.times(Self.overflowShare), now: now)
      for stripe in stripes { stripe.change(RateTerms(limits.rate), now) }
    }
  }

  /// Calls `body` for each address that has live connections or has lately come; no lock is held meanwhile.
  public func forEach(now: MonotonicTime, _ body: (Row) -> Void) {
    for stripe in stripes { for row in stripe.rows(now) { body(row) } }
  }

  private func enterOverflow(_ limit: Int, _ now: MonotonicTime) -> AddressEntrance {
    overflows.add(1, ordering: .relaxed)
    let most = limit.multipliedReportingOverflow(by: Self.overflowShare)
    if overflowConnections.load(ordering: .relaxed) >= (most.overflow ? .max : most.partialValue) {
      return .refused(.overflow)
    }
    guard case .admitted = overflowRate.admit(now: now) else { return .refused(.overflow) }
    overflowConnections.add(1, ordering: .relaxed)
    return .admitted(AddressPass(place: .max))
  }

  private func release(_ pass: AddressPass, refunds: Bool) {
    guard !pass.isOverflow else {
      overflowConnections.subtract(1, ordering: .relaxed)
      if refunds { overflowRate.refund() }
      return
    }
    let (bucket, place) = Int(pass.place).quotientAndRemainder(dividingBy: AddressStripe.ways)
    let (stripe, inside) = split(UInt64(bucket))
    stripes[stripe].leave(inside * AddressStripe.ways + place, refunds: refunds)
  }

  private func split(_ bucket: UInt64) -> (stripe: Int, bucket: Int) {
    (Int(bucket) % AddressStripe.count, Int(bucket) / AddressStripe.count)
  }
}
