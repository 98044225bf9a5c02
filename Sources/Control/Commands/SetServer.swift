internal import Settings

// What an operator orders a backend to do.

extension Command {
  static let setServer = changing(
    "set server", arguments: "<pool>/<backend> (weight <number>[%]|state ready|drain|maint)",
    help: "change a backend's weight (of the file's, with %) or state"
  ) { settings, arguments, _ throws(ControlError) in
    try settings.changeBackend(arguments) { backend throws(ControlError) in
      switch (arguments.dropFirst().first, arguments.count) {
      case ("weight", 3): try backend.order(weight: arguments[2])
      case ("state", 3): try backend.order(state: arguments[2])
      default:
        throw ControlError("'set server <pool>/<backend>' takes 'weight <number>[%]' or 'state <state>'.")
      }
    }
  }

  static let disableServer = changing(
    "disable server", arguments: "<pool>/<backend>",
    help: "put a backend into maintenance: nothing new for it"
  ) { settings, arguments, _ throws(ControlError) in
    try settings.changeBackend(arguments) { $0.orders.state = .maint }
  }

  /// Ends a maintenance and nothing else: one that drains goes on draining.
  static let enableServer = changing(
    "enable server", arguments: "<pool>/<backend>", help: "end a backend's maintenance"
  ) { settings, arguments, _ throws(ControlError) in
    try settings.changeBackend(arguments) { if $0.orders.state == .maint { $0.orders.state = .ready } }
  }
}

extension Settings.Backend {
  private static let weightMax = 256

  fileprivate mutating func order(state text: String) throws(ControlError) {
    guard let state = State(rawValue: text) else {
      throw ControlError("'set server <pool>/<backend> state' expects 'ready', 'drain' or 'maint'.")
    }
    orders.state = state
  }

  /// A weight, or a percentage of the file's.
  fileprivate mutating func order(weight text: String) throws(ControlError) {
    let isRelative = text.hasSuffix("%")
    guard let number = CommandArgument.digits(isRelative ? text.dropLast() : text[...]) else {
      throw ControlError("Expects an integer value, or a percentage.")
    }
    let weight = isRelative ? share(percent: number) : number
    guard weight <= Self.weightMax else { throw ControlError("Value out of range: from 0 to 256.") }
    orders.weight = weight == self.weight ? nil : weight
  }

  /// Rounded up: little is not nothing. At most the largest weight, as in HAProxy.
  private func share(percent: Int) -> Int {
    let (product, overflow) = weight.multipliedReportingOverflow(by: percent)
    return overflow || product > Self.weightMax * 100 ? Self.weightMax : (product + 99) / 100
  }
}
