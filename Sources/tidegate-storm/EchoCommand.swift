import ArgumentParser
import Basics

/// Established connections, each with one message in flight.
struct EchoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "echo", abstract: "Echoes over established connections, one message in flight each.")

  @OptionGroup var target: TargetArguments
  @Option(help: "Connections.") var connections = 50
  @Option(help: "Bytes of a message.") var size = 128
  @Option(help: "Messages in all; 0: as many as fit into the time.") var count = 0
  @Option(help: "How long at most, once all are open.") var seconds = Span(.seconds(10))
  @Flag(help: "Prints `ready` and waits for a line (or the end) of stdin before the first message.")
  var wait = false
  @Flag(help: "Report as one line of JSON.") var json = false

  func validate() throws {
    guard (1...18_000).contains(connections), (1...(64 << 20)).contains(size), count >= 0 else {
      throw ValidationError("--connections: 1 to 18000, --size: 1 to 67108864, --count: from 0")
    }
  }

  func run() throws {
    let load = EchoLoad(
      target: try target.target(), connections: connections, opening: 32, size: size, count: count)
    guard load.openAll() else {
      Output.complain("\(load.failures)")
      throw ExitCode(1)
    }
    if wait {
      Output.say("ready")
      _ = readLine()
    }
    let report = load.run(for: seconds.duration)
    if json { try Output.json(report) } else { report.say() }
    if !report.isGood { throw ExitCode(1) }
  }
}

struct EchoReport: Encodable {
  var messages: Int
  var expectedMessages: Int
  var mismatches: Int
  var failures: [String: Int]
  var seconds: Double
  var messagesPerSecond: Double
  var latency: LatencyFigures

  var isGood: Bool { failures.isEmpty && mismatches == 0 && messages > 0 && messages >= expectedMessages }

  func say() {
    Output.say(
      "\(messages) echoes in \(rounded(seconds)) s: \(rounded(messagesPerSecond, 0))/s; \(latency.line)")
    Output.say("mismatches: \(mismatches)")
    for (text, count) in failures { Output.say("\(count) x \(text)") }
  }
}
