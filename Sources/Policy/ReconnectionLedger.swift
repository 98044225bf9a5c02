public import Basics
internal import Synchronization

/// What became of the refused: who was told a slot, and whether he came back early, on time, late or never.
/// Keyed by address, in bounded memory, shared by all workers.
///
/// Clients behind one address can't be told apart: its slots are taken as evenly spread between the first
/// and the last, and each arrival as the holder of the first.
public final class ReconnectionLedger: Sendable {
  /// How an arrival relates to what its address was told.
  public enum Arrival: Hashable, Sendable {
    /// Nothing was told.
    case unknown
    /// Before its slot. If it is refused again it keeps that slot, or impatience would pay, and a client that
    /// retries at once would use up the slots of all.
    case early(slot: MonotonicTime)
    case onTime
    case late
  }

  private let stripes: [LedgerStripe]
  private let hash: KeyedHash
  private let bucketMask: UInt64
  private let counters = LedgerCounters()
  private let sweepTurn = Atomic<Int>(0)

  /// - Parameters:
  ///   - capacity: addresses; rounded up to a power of two, 512 at least. 56 bytes each.
  ///   - generator: gives the hash's key. In production from the system's random numbers.
  public init(capacity: Int, using generator: inout some RandomNumberGenerator) {
    var buckets = LedgerStripe.count
    while buckets * LedgerStripe.ways < min(capacity, 1 << 26) { buckets *= 2 }
    bucketMask = UInt64(buckets - 1)
    let each = buckets / LedgerStripe.count
    stripes = (0..<LedgerStripe.count).map { _ in LedgerStripe(buckets: each) }
    hash = KeyedHash(using: &generator)
  }

  /// Notes that a client was refused and told to come at a time.
  public func refused(_ address: IPAddress, slot: MonotonicTime, now: MonotonicTime) {
    counters.told(slot.since(now))
    let key = AddressKey(address, ipv6Prefix: 128)
    let (stripe, bucket) = place(key)
    counters.forgotten.add(stripes[stripe].refused(key, bucket, slot), ordering: .relaxed)
  }

  /// Notes that a client has come. To be called once for each connection, before it is admitted or refused.
  public func arrived(_ address: IPAddress, now: MonotonicTime) -> Arrival {
    let key = AddressKey(address, ipv6Prefix: 128)
    let (stripe, bucket) = place(key)
    guard let slot = stripes[stripe].take(key, bucket) else { return .unknown }
    let arrival = Self.judge(slot, now)
    counters.arrived(arrival)
    return arrival
  }

  /// Gives up those whose slot is long past, in one sixty-fourth of the table. To be called about ten times a
  /// second by anyone.
  public func sweep(now: MonotonicTime) {
    let turn = sweepTurn.add(1, ordering: .relaxed).newValue
    let never = stripes[turn & (LedgerStripe.count - 1)].giveUp(now, after: Self.patience)
    counters.never.add(never, ordering: .relaxed)
  }

  public var figures: LedgerFigures { counters.figures }

  /// Clients that come so much before their slot are on time: their clocks aren't ours.
  private static var tolerance: Duration { .milliseconds(250) }
  /// And so much after it: whole seconds, jitter of their own, the network.
  private static var grace: Duration { .seconds(5) }
  /// Who hasn't come so long after his slot never will.
  private static var patience: Duration { .seconds(60) }

  private static func judge(_ slot: MonotonicTime, _ now: MonotonicTime) -> Arrival {
    if now + tolerance < slot { return .early(slot: slot) }
    return now <= slot + grace ? .onTime : .late
  }

  private func place(_ key: AddressKey) -> (stripe: Int, bucket: Int) {
    let bucket = Int(hash(key.high, key.low) & bucketMask)
    return (bucket % LedgerStripe.count, bucket / LedgerStripe.count)
  }
}
