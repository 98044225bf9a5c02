internal import Settings

extension Command {
  /// As in HAProxy, of `show stat` and of the highest rates in `show info`; its totals go on.
  static let clearCounters = Command(
    "clear counters", help: "let the highest values and rates begin anew", level: .operator
  ) { _, _, context in
    clearMaxima(context)
    return .nothing
  }

  static let clearCountersAll = Command(
    "clear counters all", help: "let the counters of show stat begin anew too", level: .admin
  ) { _, _, context in
    clearMaxima(context)
    context.baseline.set(context.proxy.snapshot())
    return .nothing
  }

  private static func clearMaxima(_ context: CommandContext) {
    context.proxy.clearMaxima()
    context.rates.clearMaxima()
  }
}
