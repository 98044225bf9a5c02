import ArgumentParser
import Basics

/// The server behind all proxies of a comparison.
struct BackendCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backend",
    abstract: "A plain WebSocket echo server, one thread, until SIGTERM or the time is over.")

  @Option(help: "Where to listen; may be given several times.") var bind = ["127.0.0.1:9001"]
  @Option(help: "Status of its answers: 101, or another one to refuse with.") var answer = 101
  @Option(help: "Adds Retry-After to refusals, in seconds.") var retryAfter: Int?
  @Option(help: "Waits this long before it answers an upgrade.") var delay = Span(.zero)
  @Flag(help: "Resets whom it accepts, at once: what the kernel's part of a refusal costs.") var reset = false
  @Option(help: "How long at most.") var seconds = Span(.seconds(3600))
  @Flag(help: "What it has seen, as one line of JSON, at the end.") var json = false

  func validate() throws {
    guard (100...599).contains(answer) else { throw ValidationError("--answer: 100 to 599") }
    for text in bind {
      guard case .ip = Endpoint(text) else { throw ValidationError("--bind: not IP:PORT: \(text)") }
    }
  }

  func run() throws {
    let addresses = bind.compactMap(Endpoint.init)
    let manner = EchoBackend.Manner(
      status: answer, retryAfter: retryAfter, delay: delay.duration, resets: reset)
    let backend = EchoBackend(manner: manner)
    for case .ip(let address, let port) in addresses { try backend.listen(at: address, port: port) }
    Termination.notice()
    Output.say("ready")
    backend.run(until: Clock.now() + seconds.duration)
    if json { try Output.json(backend.counts) }
  }
}
