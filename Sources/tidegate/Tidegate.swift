import ArgumentParser
import Control

@main
struct Tidegate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tidegate",
    abstract: "A proxy that lets WebSocket connections in at the rate that the servers behind it survive.",
    version: "\(Version.name) \(Version.number)",
    subcommands: [Run.self, Check.self, Ctl.self])
}
