import Testing

@testable import Telemetry

@Suite struct LatencyHistogramTests {
  @Test func aValueLiesInItsBucketAndBucketsFollowEachOtherWithoutGaps() {
    for value: UInt64 in (0...5000).map({ UInt64($0) }) + [1 << 20, (1 << 30) + 7, 1 << 39] {
      let bucket = LatencyHistogram.bucket(value)
      #expect(value < LatencyHistogram.end(of: bucket))
      if bucket > 0 { #expect(value >= LatencyHistogram.end(of: bucket - 1)) }
    }
  }

  @Test func aQuantileIsAtMostAQuarterTooHigh() {
    let histogram = LatencyHistogram()
    for value: UInt64 in 1...1000 { histogram.record(nanoseconds: value * 1000) }
    for (share, exact) in [(0.5, 500_000.0), (0.99, 990_000.0), (1.0, 1_000_000.0)] {
      let read = Double(LatencyHistogram.quantile(share, of: histogram.counts()))
      #expect(read >= exact && read <= exact * 1.25)
    }
  }

  @Test func ofNothingEveryQuantileIsZero() {
    #expect(LatencyHistogram.quantile(0.99, of: LatencyHistogram().counts()) == 0)
  }

  @Test func whatIsTooLongForTheLastBucketStaysInIt() {
    let histogram = LatencyHistogram()
    histogram.record(nanoseconds: .max)
    #expect(histogram.counts().reduce(0, +) == 1)
  }
}
