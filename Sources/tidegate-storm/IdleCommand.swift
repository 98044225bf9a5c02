import ArgumentParser
import Basics
import Glibc

/// Connections that hardly do anything.
struct IdleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "idle",
    abstract: "Opens connections, prints `ready`, and holds them until stdin closes or the time is over.")

  @OptionGroup var target: TargetArguments
  @Option(help: "Connections; several processes go beyond RLIMIT_NOFILE.") var connections = 1000
  @Option(help: "Connections on their way at once.") var opening = 32
  @Option(help: "Each connection echoes 128 bytes this often; without it, never.") var echoEvery: Span?
  @Option(help: "How long at most.") var seconds = Span(.seconds(600))
  @Flag(help: "Report as one line of JSON.") var json = false

  func validate() throws {
    guard (1...18_000).contains(connections), (1...1000).contains(opening) else {
      throw ValidationError("--connections: 1 to 18000, --opening: 1 to 1000")
    }
  }

  func run() throws {
    let load = IdleLoad(target: try target.target(), connections: connections, opening: opening, size: 128)
    guard load.openAll() else {
      Output.complain("\(load.opened) open; \(load.failures)")
      throw ExitCode(1)
    }
    Output.say("ready")
    let report = load.hold(for: seconds.duration, echoEvery: echoEvery?.duration)
    if json { try Output.json(report) } else { report.say() }
    if !report.isGood { throw ExitCode(1) }
  }
}

struct IdleReport: Encodable {
  var connections: Int
  var closedInOrder: Int
  var echoesSent: Int
  var echoes: Int
  var mismatches: Int
  var failures: [String: Int]
  var latency: LatencyFigures

  var isGood: Bool {
    failures.isEmpty && closedInOrder == connections && echoes == echoesSent && mismatches == 0
  }

  func say() {
    Output.say("\(connections) held, \(closedInOrder) closed in order; \(echoes) of \(echoesSent) echoes")
    if echoes > 0 { Output.say(latency.line) }
    for (text, count) in failures { Output.say("\(count) x \(text)") }
  }
}

final class IdleLoad: PacedLoad {
  func hold(for time: Duration, echoEvery: Duration?) -> IdleReport {
    if let echoEvery { pace(every: echoEvery) }
    let end = Clock.now() + time
    // Looks at stdin ten times a second: a regular file can't be watched by epoll.
    while Clock.now() < end, failures.isEmpty, !StandardInput.isClosed() {
      loop.run(until: min(end, Clock.now() + .milliseconds(100))) { !failures.isEmpty }
    }
    endPace()
    closeAll()
    return IdleReport(
      connections: opened, closedInOrder: closed, echoesSent: sent, echoes: echoed, mismatches: mismatches,
      failures: failures, latency: LatencyFigures(latencies))
  }
}

enum StandardInput {
  /// True exactly when nobody can write to it any more. What is written is swallowed.
  static func isClosed() -> Bool {
    var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, 0) > 0 else { return false }
    var byte: UInt8 = 0
    return read(STDIN_FILENO, &byte, 1) <= 0
  }
}
