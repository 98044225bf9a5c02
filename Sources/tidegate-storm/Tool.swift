import ArgumentParser
import Glibc

/// The load generator: clients and a backend on plain sockets, epoll and OpenSSL, which share no code with the
/// data path that they try.
@main
struct Tool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tidegate-storm",
    abstract:
      "Loads for WebSocket servers and proxies. Each ends by itself; the exit code is 1 when something "
      + "was not as it should.",
    subcommands: [
      CycleCommand.self, EchoCommand.self, IdleCommand.self, HerdCommand.self, CalmCommand.self,
      BackendCommand.self,
    ])

  static func main() {
    // A peer that has gone shows as EPIPE, not as the end of the process.
    signal(SIGPIPE, SIG_IGN)
    main(nil)
  }
}
