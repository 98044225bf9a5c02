import ArgumentParser
import Control
import Glibc
import Proxy
import Settings

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve, until a signal ends it.",
    discussion: """
      Without a configuration file it demonstrates itself: a generated certificate, a built-in echo backend, \
      and what to try.

      Signals: HUP loads the configuration anew in place, TERM drains within the configured window (a second \
      one ends at once), QUIT and USR1 drain without a deadline, INT ends at once.
      """)

  @Option(name: [.short, .long], help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config: String?

  @Option(help: ArgumentHelp("The demonstration's port for wss.", valueName: "port"))
  var tlsPort: UInt16 = 8443

  @Option(help: ArgumentHelp("The demonstration's port for ws.", valueName: "port"))
  var port: UInt16 = 8080

  func run() throws {
    // Before any thread exists, so that all of them leave signals to the one that waits for them.
    Supervisor.prepareProcess()
    if let config {
      try serve(try loadSettings(config), file: config)
    } else {
      try demonstrate()
    }
  }

  private func demonstrate() throws {
    let demonstration: Demonstration
    do {
      demonstration = try Demonstration(tlsPort: tlsPort, plainPort: port)
    } catch {
      throw failure(error.message)
    }
    defer { demonstration.close() }
    try serve(demonstration.settings, file: nil) {
      print(demonstration.invitation(program: CommandLine.arguments[0]))
      // To a pipe or a file it would come only at the end.
      fflush(nil)
    }
  }

  private func serve(_ settings: Settings, file: String?, ready: () -> Void = {}) throws {
    do {
      let proxy = try ProxyServer(settings: settings)
      let log = OperationalLog(level: settings.log.level)
      let supervisor = try Supervisor(settings, file: file, proxy: proxy, log: log)
      ready()
      try supervisor.run()
    } catch let error as ProxyError {
      throw failure(error.text(file: file) + (file == nil ? hint : ""))
    } catch let error as ControlError {
      throw failure(error.message)
    }
  }

  private var hint: String { " (--tls-port and --port choose other ports)" }
}
