public import Basics

/// What is counted by the second: counters whose rate is shown, and gauges whose maximum is.
public enum RateKey: Hashable, Sendable {
  /// Those accepted, and those of them that were admitted.
  case connections, admissions
  case handshakes, handshakesFull, handshakesResumed, bytesToClients, busyNanoseconds
  case listenerConnections(String), listenerRequests(String)
  case poolConnections(String), backendConnections(pool: String, backend: String)
  /// Gauges.
  case listenerLive(String), listenerWaiting(String), poolLive(String)
}

/// Rates over the last second, from counters read every now and then.
public struct RateWindow: Sendable {
  private struct Sample {
    var at: MonotonicTime
    var counters: [RateKey: UInt64]
  }

  /// Oldest first; only the first may be older than the window.
  private var samples: [Sample] = []
  private var rates: [RateKey: UInt64] = [:]
  private var maxima: [RateKey: UInt64] = [:]
  private let window = Duration.seconds(1)

  public init() {}

  /// Per second, over the last one; 0 until there are two samples.
  public func rate(_ key: RateKey) -> UInt64 { rates[key] ?? 0 }

  /// The highest rate, or value of a gauge, that any sample has shown.
  public func maximum(_ key: RateKey) -> UInt64 { maxima[key] ?? 0 }

  /// Lets the maxima begin anew, with the next sample.
  public mutating func clearMaxima() { maxima = [:] }

  public mutating func add(counters: [RateKey: UInt64], gauges: [RateKey: UInt64], now: MonotonicTime) {
    if let last = samples.last, now <= last.at { return }
    samples.append(Sample(at: now, counters: counters))
    while samples.count > 2, now.since(samples[1].at) >= window { samples.removeFirst() }
    rates = [:]
    let base = samples[0]
    for (key, value) in counters {
      let rate = Self.rate(from: base.counters[key] ?? 0, to: value, in: now.since(base.at))
      rates[key] = rate
      maxima[key] = max(maxima[key] ?? 0, rate)
    }
    for (key, value) in gauges { maxima[key] = max(maxima[key] ?? 0, value) }
  }

  /// A counter that went back belongs to something that a reload replaced; its rate begins anew.
  private static func rate(from old: UInt64, to new: UInt64, in elapsed: Duration) -> UInt64 {
    guard new > old, elapsed > .zero else { return 0 }
    let rate = (Double(new - old) / elapsed.inSeconds).rounded()
    return rate < 9e18 ? UInt64(rate) : .max
  }
}
