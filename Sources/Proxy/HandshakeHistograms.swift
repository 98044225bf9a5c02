internal import Telemetry

/// How long a worker's TLS handshakes took, by where the time went; full and resumed ones apart.
final class HandshakeHistograms: Sendable {
  /// In the worker's handshake queue; in OpenSSL; and what is left: on the way to the client and back.
  struct Split: Sendable {
    let queue = LatencyHistogram()
    let cpu = LatencyHistogram()
    let network = LatencyHistogram()

    func record(queue: UInt64, cpu: UInt64, network: UInt64) {
      self.queue.record(nanoseconds: queue)
      self.cpu.record(nanoseconds: cpu)
      self.network.record(nanoseconds: network)
    }
  }

  let full = Split()
  let resumed = Split()
}

extension HandshakeTimes {
  init(_ workers: [HandshakeHistograms]) {
    full = Split(workers.map(\.full))
    resumed = Split(workers.map(\.resumed))
  }
}

extension HandshakeTimes.Split {
  fileprivate init(_ splits: [HandshakeHistograms.Split]) {
    queue = .init(splits.map(\.queue))
    cpu = .init(splits.map(\.cpu))
    network = .init(splits.map(\.network))
  }
}

extension HandshakeTimes.Quantiles {
  fileprivate init(_ histograms: [LatencyHistogram]) {
    var counts = histograms[0].counts()
    for other in histograms.dropFirst() { counts = zip(counts, other.counts()).map { $0 + $1 } }
    count = counts.reduce(0, +)
    p50 = LatencyHistogram.quantile(0.5, of: counts) / 1000
    p99 = LatencyHistogram.quantile(0.99, of: counts) / 1000
    max = LatencyHistogram.quantile(1, of: counts) / 1000
  }
}
