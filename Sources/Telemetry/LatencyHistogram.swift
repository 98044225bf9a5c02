internal import Synchronization

/// How often a duration was how long, in buckets of a quarter of a power of two: a figure read from it is at
/// most 19 % too high. One thread records, any thread reads, without locks.
public final class LatencyHistogram: Sendable {
  private static let bucketCount = 160
  nonisolated(unsafe) private let buckets: UnsafeMutablePointer<Atomic<UInt64>>

  public init() {
    buckets = .allocate(capacity: Self.bucketCount)
    for index in 0..<Self.bucketCount { (buckets + index).initialize(to: Atomic(0)) }
  }

  deinit {
    buckets.deinitialize(count: Self.bucketCount)
    buckets.deallocate()
  }

  /// Only ever called by the thread that owns the histogram.
  public func record(nanoseconds: UInt64) {
    let cell = buckets + Self.bucket(nanoseconds)
    cell.pointee.store(cell.pointee.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
  }

  /// Counts by bucket, to be added to those of other threads.
  public func counts() -> [UInt64] {
    (0..<Self.bucketCount).map { buckets[$0].load(ordering: .relaxed) }
  }

  /// Two bits behind the leading one tell the quarter.
  static func bucket(_ nanoseconds: UInt64) -> Int {
    guard nanoseconds >= 4 else { return Int(nanoseconds) }
    let exponent = 63 - nanoseconds.leadingZeroBitCount
    let quarter = Int(nanoseconds >> UInt64(exponent - 2)) & 3
    return min(exponent * 4 - 4 + quarter, bucketCount - 1)
  }

  /// The first value past a bucket, nanoseconds.
  static func end(of bucket: Int) -> UInt64 {
    guard bucket >= 4 else { return UInt64(bucket + 1) }
    let (exponent, quarter) = (UInt64(bucket + 4) / 4, UInt64(bucket & 3))
    return (4 + quarter + 1) << (exponent - 2)
  }

  /// What the given share of the recorded stayed below, nanoseconds; 0 when nothing was recorded.
  /// - Parameter share: from 0 to 1.
  public static func quantile(_ share: Double, of counts: [UInt64]) -> UInt64 {
    let total = counts.reduce(0, +)
    guard total > 0 else { return 0 }
    let rank = UInt64((share * Double(total)).rounded(.up))
    var seen: UInt64 = 0
    for (bucket, count) in counts.enumerated() {
      seen += count
      if seen >= max(1, rank) { return end(of: bucket) }
    }
    return end(of: counts.count - 1)
  }
}
