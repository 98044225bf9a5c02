import Basics

/// What happened in one second, or in all.
struct HerdCounts: Encodable {
  var attempts = 0
  var admitted = 0
  var admittedResumed = 0
  /// Connections that the peer's kernel or our own refused.
  var unreachable = 0
  var refusedReset = 0
  /// Closed without a word.
  var refusedClose = 0
  /// Answers of 503.
  var refusedUnavailable = 0
  /// Other answers than 101 and 503.
  var refusedOtherStatus = 0
  /// Close frames with 1013 (try again later) before the first echo.
  var refusedTryAgain = 0
  /// Other close codes before the first echo.
  var refusedOtherCode = 0
  var timeouts = 0
  var gaveUp = 0
  /// What no correct peer does.
  var failed = 0

  var refused: Int {
    refusedReset + refusedClose + refusedUnavailable + refusedOtherStatus + refusedTryAgain + refusedOtherCode
  }
}

struct HerdReport: Encodable {
  var clients: Int
  var total: HerdCounts
  /// Clients that were neither in nor had given up at the end.
  var outside: Int
  /// Clients that were in and lost their connection without wishing to.
  var lost: Int
  var attemptsPerSuccess: Double
  /// From the first client's first attempt to the last admission.
  var allInSeconds: Double
  var perSecond: [HerdCounts]
  /// From the attempt that succeeded to its first echo.
  var attemptLatency: LatencyFigures
  /// From a client's first attempt to its first echo.
  var clientLatency: LatencyFigures
  /// From a 101 to the close frame of a connection that never echoed.
  var held: LatencyFigures
  var unreachable: [String: Int]
  var failures: [String: Int]

  var isGood: Bool { failures.isEmpty && lost == 0 && total.admitted > 0 }

  func say() {
    Output.say("sec attempts admitted reset close 503 1013 other timeouts gave-up")
    for (second, counts) in perSecond.enumerated() { Output.say("\(second) " + Self.row(counts)) }
    Output.say("all " + Self.row(total))
    Output.say(
      "in: \(total.admitted) of \(clients) (\(total.admittedResumed) resumed) after "
        + "\(rounded(allInSeconds)) s, \(rounded(attemptsPerSuccess)) attempts each; outside: \(outside), "
        + "gave up: \(total.gaveUp), lost: \(lost)")
    Output.say("attempt: \(attemptLatency.line)")
    Output.say("client: \(clientLatency.line)")
    for (text, count) in unreachable { Output.say("\(count) x unreachable: \(text)") }
    for (text, count) in failures { Output.say("\(count) x \(text)") }
  }

  private static func row(_ counts: HerdCounts) -> String {
    let other = counts.refusedOtherStatus + counts.refusedOtherCode + counts.unreachable + counts.failed
    return [
      counts.attempts, counts.admitted, counts.refusedReset, counts.refusedClose, counts.refusedUnavailable,
      counts.refusedTryAgain, other, counts.timeouts, counts.gaveUp,
    ].map(String.init).joined(separator: " ")
  }
}
