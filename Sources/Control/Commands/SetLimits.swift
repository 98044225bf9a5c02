internal import Settings

// Limits on connections and their rate. 0 is no limit of one's own, as in HAProxy.

/// As high as the file may set them.
private let connectionsMax = 2_000_000
private let rateMax = 10_000_000

extension Command {
  static let setMaxconnGlobal = changing(
    "set maxconn global", arguments: "<number>",
    help: "change the process's limit on live connections; 0 is the one of the start"
  ) { settings, arguments, context throws(ControlError) in
    // The tables are as large as the start made them.
    let most = context.connectionsAtStart
    let number = try CommandArgument.number(arguments, at: 0, in: 0...most)
    settings.limits.connections = number == 0 ? most : number
  }

  static let setMaxconnFrontend = changing(
    "set maxconn frontend", arguments: "<listener> <number>",
    help: "change a listener's limit on live connections; 0 is none"
  ) { settings, arguments, _ throws(ControlError) in
    guard let place = settings.listeners.firstIndex(where: { $0.name == arguments.first }) else {
      throw ControlError("No such frontend.")
    }
    let number = try CommandArgument.number(arguments, at: 1, in: 0...connectionsMax)
    settings.listeners[place].connections = number == 0 ? nil : number
  }

  static let setMaxconnServer = changing(
    "set maxconn server", arguments: "<pool>/<backend> <number>",
    help: "change a backend's limit on live connections; 0 is none"
  ) { settings, arguments, _ throws(ControlError) in
    try settings.changeBackend(arguments) { backend throws(ControlError) in
      let number = try CommandArgument.number(arguments, at: 1, in: 0...connectionsMax)
      backend.connections = number == 0 ? nil : number
    }
  }

  static let setRateLimit = changing(
    "set rate-limit connections global", arguments: "<number>",
    help: "change how many connections are admitted a second; 0 is no limit"
  ) { settings, arguments, _ throws(ControlError) in
    let number = try CommandArgument.number(arguments, at: 0, in: 0...rateMax)
    settings.limits.connectionRate = number == 0 ? nil : Rate(number)
  }
}
