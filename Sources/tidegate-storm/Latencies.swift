import Basics

/// A histogram of durations with 3 % resolution: 32 buckets to each doubling, from 1 us on.
struct Latencies: Sendable {
  private var counts = [Int](repeating: 0, count: 32 * 40)
  private(set) var count = 0
  private(set) var latencyMax = Duration.zero

  mutating func record(_ latency: Duration) {
    counts[Self.bucket(latency.clampedNanoseconds / 1000)] += 1
    count += 1
    latencyMax = max(latencyMax, latency)
  }

  private static func bucket(_ microseconds: UInt64) -> Int {
    guard microseconds >= 32 else { return Int(microseconds) }
    let shift = 58 - microseconds.leadingZeroBitCount
    return min(32 * (shift + 1) + Int(microseconds >> UInt64(shift)) - 32, 32 * 40 - 1)
  }

  private static func upperBound(_ bucket: Int) -> Double {
    guard bucket >= 32 else { return Double(bucket + 1) }
    return Double(bucket % 32 + 33) * Double(1 << (bucket / 32 - 1))
  }

  /// Milliseconds that `share` (0 to 1) of the durations don't exceed; 0 when there are none.
  func milliseconds(at share: Double) -> Double {
    var left = Int((Double(count) * share).rounded(.up))
    for (bucket, entries) in counts.enumerated() where entries > 0 {
      left -= entries
      if left <= 0 { return min(Self.upperBound(bucket) / 1000, latencyMax.inSeconds * 1000) }
    }
    return latencyMax.inSeconds * 1000
  }

  /// Upper bound of each bucket in microseconds, and its count, so that runs in several processes can be added.
  var buckets: [[Int]] {
    counts.enumerated().filter { $0.element > 0 }.map { [Int(Self.upperBound($0.offset)), $0.element] }
  }
}

/// The figures of a histogram for a report, in milliseconds.
struct LatencyFigures: Encodable {
  var p50Ms: Double
  var p90Ms: Double
  var p99Ms: Double
  var p999Ms: Double
  var maxMs: Double
  var bucketsUs: [[Int]]

  init(_ latencies: Latencies) {
    p50Ms = latencies.milliseconds(at: 0.5)
    p90Ms = latencies.milliseconds(at: 0.9)
    p99Ms = latencies.milliseconds(at: 0.99)
    p999Ms = latencies.milliseconds(at: 0.999)
    maxMs = latencies.latencyMax.inSeconds * 1000
    bucketsUs = latencies.buckets
  }

  var line: String {
    "p50 \(rounded(p50Ms, 3)) p99 \(rounded(p99Ms, 3)) p99.9 \(rounded(p999Ms, 3)) max \(rounded(maxMs, 3)) ms"
  }
}
