import ArgumentParser
import Basics

/// Clients that all want in.
struct HerdCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "storm",
    abstract: "Clients that come at once (or at a rate), are refused, time out, and come again, open-loop.",
    discussion:
      "A client is in when its first message was echoed. An answer of 101 ends its timeout: a proxy "
      + "may hold it and close with 1013 later. Exit code 1 when a peer did what no correct peer does.")

  @OptionGroup var target: TargetArguments
  @OptionGroup var herd: HerdArguments
  @Flag(help: "Report as one line of JSON.") var json = false

  func run() throws {
    let target = try target.target()
    let report = try HerdLoad(target: target, herd: herd).run()
    if json { try Output.json(report) } else { report.say() }
    if !report.isGood { throw ExitCode(1) }
  }
}

struct HerdArguments: ParsableArguments {
  enum Retry: String, ExpressibleByArgument, CaseIterable {
    /// Exponential, with jitter: the delay is drawn between half and all of the step.
    case backoff
    /// 10 ms after whatever happened.
    case immediate
    /// When the server says so; backoff when it doesn't.
    case retryAfter = "retry-after"
  }

  @Option(help: "Clients.") var clients = 1000
  @Option(help: "Clients that come a second; without it, all at once.") var arrivalRate: Double?
  @Option(help: "How long a client waits for its 101.") var timeout = Span(.seconds(10))
  @Option(help: "What a client does that isn't let in.") var retry = Retry.backoff
  @Option(help: "First step of the backoff; it doubles.") var backoffBase = Span(.seconds(1))
  @Option(help: "Last step of the backoff.") var backoffMax = Span(.seconds(30))
  @Option(help: "A client gives up after this time; without it, never.") var giveUp: Span?
  @Option(help: "Share of the clients (0 to 1) that come with a TLS session, from a connection made before.")
  var resumedShare = 0.0
  @Option(help: "A client that is in leaves in order after this time; without it, it stays.") var stay: Span?
  @Option(help: "Ends after this time, whoever isn't in by then.") var seconds = Span(.seconds(60))
  @Option(help: "Seed of jitter and masks.") var seed: UInt64 = 1

  func validate() throws {
    guard (1...18_000).contains(clients) else {
      throw ValidationError("--clients: 1 to 18000; more need several processes")
    }
    guard (0...1).contains(resumedShare), arrivalRate ?? 1 > 0 else {
      throw ValidationError("--resumed-share: 0 to 1, --arrival-rate: above 0")
    }
  }
}
