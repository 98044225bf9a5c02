import ArgumentParser
import Basics
import Control
import Proxy
import Settings

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check a configuration file and the certificates that it names.",
    discussion: """
      Every error is a line on stderr, with file, line and column; the exit status is 1 then. Warnings, such \
      as of a certificate that expires within 14 days, are lines on stderr as well and change no exit status.
      """)

  @Option(name: [.short, .long], help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config: String

  func run() throws {
    let settings = try loadSettings(config)
    let errors = verify(settings)
    guard errors.isEmpty else {
      for error in errors { writeToStandardError(error.text(file: config) + "\n") }
      throw ExitCode(1)
    }
    for warning in warnings(settings) {
      writeToStandardError("warning: \(warning.text(file: config))\n")
    }
    print("\(config) is valid")
    for line in summary(settings) { print("  \(line)") }
  }

  private func summary(_ settings: Settings) -> [String] {
    let listeners = settings.listeners.map { listener in
      let addresses = listener.bind.map(\.description).joined(separator: ", ")
      let certificates = listener.tls?.certificates.count ?? 0
      let tls =
        certificates == 0 ? "plain" : "TLS, \(certificates) certificate\(certificates == 1 ? "" : "s")"
      return "listener \(listener.name): \(addresses); \(listener.mode), \(tls)"
    }
    let pools = settings.pools.map { pool in
      "pool \(pool.name): \(pool.balance.rawValue) over \(pool.backends.map(\.name).joined(separator: ", "))"
    }
    return listeners + pools
  }
}
