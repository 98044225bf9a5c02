import ArgumentParser
import Basics

/// Connect, TLS, upgrade, orderly close, again and again.
struct CycleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cycle", abstract: "Cycles of connect + TLS + upgrade + orderly close.")

  @OptionGroup var target: TargetArguments
  @Option(help: "Cycles in all.") var count = 1000
  @Option(help: "Clients at once.") var concurrency = 8
  @Flag(
    help: "Each client resumes its last session; one full handshake each comes first, uncounted in rates.")
  var resume = false
  @Option(help: "How long one cycle may take.") var timeout = Span(.seconds(10))
  @Flag(help: "Report as one line of JSON.") var json = false

  func validate() throws {
    guard count > 0, count <= 10_000_000, concurrency > 0, concurrency <= 10_000 else {
      throw ValidationError("--count: 1 to 10000000, --concurrency: 1 to 10000")
    }
  }

  func run() throws {
    let load = CycleLoad(
      target: try target.target(), count: count, concurrency: min(count, concurrency), resume: resume,
      timeout: timeout.duration)
    let report = load.run()
    if json { try Output.json(report) } else { report.say() }
    if !report.isGood { throw ExitCode(1) }
  }
}

struct CycleReport: Encodable {
  var cycles: Int
  var resumed: Int
  var expectedResumed: Int
  var failures: [String: Int]
  var seconds: Double
  var cyclesPerSecond: Double
  var latency: LatencyFigures

  var isGood: Bool { failures.isEmpty && resumed >= expectedResumed }

  func say() {
    Output.say(
      "\(cycles) cycles in \(rounded(seconds)) s: \(rounded(cyclesPerSecond, 0))/s; \(latency.line)")
    Output.say("resumed: \(resumed)")
    for (text, count) in failures { Output.say("\(count) x \(text)") }
  }
}
