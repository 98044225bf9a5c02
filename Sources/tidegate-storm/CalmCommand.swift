import ArgumentParser
import Basics

/// What established connections feel while something else goes on.
struct CalmCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calm",
    abstract:
      "Established connections echo at a fixed rate each, due times kept, so that a stall is seen whole.")

  @OptionGroup var target: TargetArguments
  @Option(help: "Connections.") var connections = 200
  @Option(help: "Messages a second and connection.") var rate = 10.0
  @Option(help: "Bytes of a message.") var size = 128
  @Option(help: "How long.") var seconds = Span(.seconds(10))
  @Flag(help: "Report as one line of JSON.") var json = false

  func validate() throws {
    guard (1...18_000).contains(connections), (0.01...10_000).contains(rate), (1...(1 << 20)).contains(size)
    else { throw ValidationError("--connections: 1 to 18000, --rate: 0.01 to 10000, --size: 1 to 1048576") }
  }

  func run() throws {
    let load = CalmLoad(target: try target.target(), connections: connections, opening: 32, size: size)
    guard load.openAll() else {
      Output.complain("\(load.failures)")
      throw ExitCode(1)
    }
    Output.say("ready")
    let report = load.run(for: seconds.duration, every: .nanoseconds(Int64(1e9 / rate)))
    if json { try Output.json(report) } else { report.say() }
    if !report.isGood { throw ExitCode(1) }
  }
}

struct CalmReport: Encodable {
  var connections: Int
  var echoesSent: Int
  var echoes: Int
  var mismatches: Int
  var failures: [String: Int]
  var latency: LatencyFigures
  /// Of the echoes that came in each second.
  var p99MsPerSecond: [Double]

  var isGood: Bool { failures.isEmpty && mismatches == 0 && echoes == echoesSent && echoes > 0 }

  func say() {
    Output.say("\(echoes) of \(echoesSent) echoes; \(latency.line)")
    Output.say("p99 by second: " + p99MsPerSecond.map { rounded($0, 1) }.joined(separator: " "))
    for (text, count) in failures { Output.say("\(count) x \(text)") }
  }
}

final class CalmLoad: PacedLoad {
  private var perSecond: [Latencies] = []
  private var began = MonotonicTime.zero

  func run(for time: Duration, every interval: Duration) -> CalmReport {
    began = Clock.now()
    pace(every: interval)
    loop.run(until: began + time) { !failures.isEmpty }
    endPace()
    closeAll()
    return CalmReport(
      connections: opened, echoesSent: sent, echoes: echoed, mismatches: mismatches, failures: failures,
      latency: LatencyFigures(latencies), p99MsPerSecond: perSecond.map { $0.milliseconds(at: 0.99) })
  }

  override func measured(_ latency: Duration) {
    let second = Int(Clock.now().since(began).inSeconds)
    while perSecond.count <= second { perSecond.append(Latencies()) }
    perSecond[second].record(latency)
  }
}
