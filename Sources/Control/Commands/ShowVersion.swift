extension Command {
  static let showVersion = Command("show version", help: "show the version of the running process") {
    _, _, _ in
    .output(Version.number)
  }
}
