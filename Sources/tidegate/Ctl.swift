import ArgumentParser
import Control
import Glibc

struct Ctl: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Send commands to a running tidegate's stats socket.",
    discussion: """
      Without a command, commands are read from stdin, one a line. `tidegate ctl help` lists them. The exit \
      status is 1 when there is nobody to connect to, or when a command failed.
      """)

  @Option(help: ArgumentHelp("The stats socket.", valueName: "path"))
  var socket = "/run/tidegate/stats.sock"

  @Argument(parsing: .allUnrecognized, help: "The command's words.")
  var command: [String] = []

  func run() throws {
    let client = StatsClient(path: socket)
    let isError = command.isEmpty ? try converse(client) : try send(command.joined(separator: " "), client)
    if isError { throw ExitCode(1) }
  }

  /// - Returns: true exactly when one of the commands failed.
  private func converse(_ client: StatsClient) throws -> Bool {
    let isTerminal = isatty(STDIN_FILENO) == 1
    var hasFailed = false
    while let line = next(prompting: isTerminal) {
      if line.allSatisfy(\.isWhitespace) { continue }
      if line == "quit" { break }
      if try send(line, client) { hasFailed = true }
    }
    return hasFailed
  }

  private func next(prompting: Bool) -> String? {
    if prompting {
      print("> ", terminator: "")
      fflush(nil)
    }
    return readLine()
  }

  private func send(_ line: String, _ client: StatsClient) throws -> Bool {
    do {
      let reply = try client.send(line)
      print(reply.text, terminator: "")
      return reply.isError
    } catch {
      throw failure(error.message)
    }
  }
}
