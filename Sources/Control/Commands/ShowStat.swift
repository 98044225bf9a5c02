internal import Proxy
internal import Settings

extension Command {
  static let showStat = Command(
    "show stat", arguments: "[<iid>|<name>] [<type>] [<sid>] [json|typed]",
    help: "report counters of the listeners, pools and backends"
  ) { _, arguments, context in
    let snapshot = context.baseline.since(context.proxy.snapshot())
    let formats = ["json", "typed", "desc", "up", "no-maint"]
    let numbers = arguments.filter { !formats.contains($0) }
    guard let filter = StatFilter(numbers, in: snapshot) else { return .failure("No such proxy.") }
    let rows = StatRow.all(of: snapshot, rates: context.rates.current).filter(filter.takes)
    if arguments.contains("json") {
      return .output("[" + rows.map(\.json).joined(separator: ",") + "]")
    }
    if arguments.contains("typed") {
      return .output(rows.flatMap(\.typedLines).joined(separator: "\n"))
    }
    return .output(([StatColumn.header] + rows.map(\.csv)).joined(separator: "\n"))
  }
}

/// `<iid> <type> <sid>`: which rows are wanted. -1 takes all; types are summed: 1 frontends, 2 backends,
/// 4 servers.
struct StatFilter {
  private var proxy = -1
  private var types = -1
  private var server = -1

  /// - Returns: nil for the name of no listener and no pool.
  init?(_ arguments: [String], in snapshot: Snapshot) {
    let numbers = arguments.dropFirst().map { Int($0) ?? -1 }
    if numbers.count > 0 { types = numbers[0] }
    if numbers.count > 1 { server = numbers[1] }
    guard let first = arguments.first else { return }
    if let number = Int(first) {
      proxy = number
    } else if let index = snapshot.listeners.firstIndex(where: { $0.settings.name == first }) {
      proxy = snapshot.identifier(listener: index)
    } else if let index = snapshot.pools.firstIndex(where: { $0.settings.name == first }) {
      proxy = snapshot.identifier(pool: index)
    } else {
      return nil
    }
  }

  func takes(_ row: StatRow) -> Bool {
    (proxy == -1 || proxy == row.proxyID)
      && (types == -1 || types & (1 << row.kind.rawValue) != 0)
      && (server == -1 || server == row.serverID)
  }
}
