import Basics

/// Counts what happens to a herd, by the second.
struct HerdLedger {
  var began = MonotonicTime.zero
  /// Clients that are in or have given up.
  var settled = 0
  /// When the 101 of a client's attempt came.
  var answered: [Int: MonotonicTime] = [:]
  private var perSecond: [HerdCounts] = []
  private var total = HerdCounts()
  private var lost = 0
  private var lastAdmission = MonotonicTime.zero
  private var attemptLatency = Latencies()
  private var clientLatency = Latencies()
  private var held = Latencies()
  private var unreachable: [String: Int] = [:]
  private var failures: [String: Int] = [:]

  mutating func count(_ now: MonotonicTime, _ change: (inout HerdCounts) -> Void) {
    let second = Int(now.since(began).inSeconds)
    while perSecond.count <= second { perSecond.append(HerdCounts()) }
    change(&perSecond[second])
    change(&total)
  }

  mutating func admit(_ client: Client, first: MonotonicTime, now: MonotonicTime) {
    settled += 1
    answered[client.id] = nil
    let isResumed = client.stream?.isResumed ?? false
    count(now) {
      $0.admitted += 1
      if isResumed { $0.admittedResumed += 1 }
    }
    lastAdmission = now
    attemptLatency.record(now.since(client.began))
    clientLatency.record(now.since(first))
  }

  /// An attempt that came to nothing, without a timeout.
  mutating func refuse(_ ending: Ending, _ client: Client, now: MonotonicTime) {
    if let since = answered.removeValue(forKey: client.id) { held.record(now.since(since)) }
    switch ending {
    case .reset: count(now) { $0.refusedReset += 1 }
    case .finished, .closed: count(now) { $0.refusedClose += 1 }
    case .answered(503, _): count(now) { $0.refusedUnavailable += 1 }
    case .answered: count(now) { $0.refusedOtherStatus += 1 }
    case .closeCode(1013): count(now) { $0.refusedTryAgain += 1 }
    case .closeCode: count(now) { $0.refusedOtherCode += 1 }
    case .unreachable(let text):
      unreachable[text, default: 0] += 1
      count(now) { $0.unreachable += 1 }
    case .failed(let text): fail(text, now)
    }
  }

  mutating func fail(_ text: String, _ now: MonotonicTime) {
    failures[text, default: 0] += 1
    count(now) { $0.failed += 1 }
  }

  mutating func lose() { lost += 1 }

  func report(clients: Int, outside: Int) -> HerdReport {
    HerdReport(
      clients: clients, total: total, outside: outside, lost: lost,
      attemptsPerSuccess: Double(total.attempts) / Double(max(1, total.admitted)),
      allInSeconds: lastAdmission.since(began).inSeconds, perSecond: perSecond,
      attemptLatency: LatencyFigures(attemptLatency), clientLatency: LatencyFigures(clientLatency),
      held: LatencyFigures(held), unreachable: unreachable, failures: failures)
  }
}
