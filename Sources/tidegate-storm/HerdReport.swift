import Basics

/// What happened in one second, or in all.
struct HerdCounts: Encodable {
  var attempts = 0
  var admitted = 0
  var admitted_resumed = 0
  /// Connections that the peer's kernel or our own refused.
  var unreachable = 0
  var refused_reset = 0
  /// Closed without a word.
  var refused_close = 0
  var refused_503 = 0
  /// Other answers than 101 and 503.
  var refused_other_status = 0
  var refused_1013 = 0
  /// Other close codes before the first echo.
  var refused_other_code = 0
  var timeouts = 0
  var gave_up = 0
  /// What no correct peer does.
  var failed = 0

  var refused: Int {
    refused_reset + refused_close + refused_503 + refused_other_status + refused_1013 + refused_other_code
  }
}

struct HerdReport: Encodable {
  var clients: Int
  var total: HerdCounts
  /// Clients that were neither in nor had given up at the end.
  var outside: Int
  /// Clients that were in and lost their connection without wishing to.
  var lost: Int
  var attempts_per_success: Double
  /// From the first client's first attempt to the last admission.
  var all_in_seconds: Double
  var per_second: [HerdCounts]
  /// From the attempt that succeeded to its first echo.
  var attempt_latency: LatencyFigures
  /// From a client's first attempt to its first echo.
  var client_latency: LatencyFigures
  /// From a 101 to the close frame of a connection that never echoed.
  var held: LatencyFigures
  var unreachable: [String: Int]
  var failures: [String: Int]

  var isGood: Bool { failures.isEmpty && lost == 0 && total.admitted > 0 }

  func say() {
    Output.say("sec attempts admitted reset close 503 1013 other timeouts gave-up")
    for (second, counts) in per_second.enumerated() { Output.say("\(second) " + Self.row(counts)) }
    Output.say("all " + Self.row(total))
    Output.say(
      "in: \(total.admitted) of \(clients) (\(total.admitted_resumed) resumed) after "
        + "\(rounded(all_in_seconds)) s, \(rounded(attempts_per_success)) attempts each; outside: \(outside), "
        + "gave up: \(total.gave_up), lost: \(lost)")
    Output.say("attempt: \(attempt_latency.line)")
    Output.say("client: \(client_latency.line)")
    for (text, count) in unreachable { Output.say("\(count) x unreachable: \(text)") }
    for (text, count) in failures { Output.say("\(count) x \(text)") }
  }

  private static func row(_ counts: HerdCounts) -> String {
    let other = counts.refused_other_status + counts.refused_other_code + counts.unreachable + counts.failed
    return [
      counts.attempts, counts.admitted, counts.refused_reset, counts.refused_close, counts.refused_503,
      counts.refused_1013, other, counts.timeouts, counts.gave_up,
    ].map(String.init).joined(separator: " ")
  }
}
