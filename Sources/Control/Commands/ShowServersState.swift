internal import Basics
internal import Proxy
internal import Settings

extension Command {
  static let showServersState = Command(
    "show servers state", arguments: "[<pool>]", help: "dump the state of the backends, of all pools or one"
  ) { _, arguments, context in
    let snapshot = context.proxy.snapshot()
    let pools = Array(snapshot.pools.enumerated())
    let wanted = arguments.first.map { name in pools.filter { $0.element.settings.name == name } } ?? pools
    guard !wanted.isEmpty || arguments.isEmpty else { return .failure("Can't find backend.") }
    var lines = ["1", ServersState.header]
    for (index, pool) in wanted {
      for (number, backend) in pool.backends.enumerated() {
        lines.append(
          ServersState.row(
            poolID: snapshot.identifier(pool: index), pool: pool, backendID: number + 1, backend: backend,
            uptime: snapshot.now.since(snapshot.startedAt)))
      }
    }
    return .output(lines.joined(separator: "\n"))
  }
}

/// The table of `show servers state`, version 1 of HAProxy's server-state format.
enum ServersState {
  static let header = """
    # be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight \
    srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state \
    srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port \
    srv_check_addr srv_agent_addr srv_agent_port
    """

  /// Backends are running (2) unless somebody works on them (0); checks that don't exist have HAProxy's own
  /// figures for a server without any.
  static func row(
    poolID: Int, pool: PoolSnapshot, backendID: Int, backend: BackendSnapshot, uptime: Duration
  ) -> String {
    let (address, port) = place(backend.settings.address)
    let settings = backend.settings
    let seconds = uptime.components.seconds
    return """
      \(poolID) \(word(pool.settings.name)) \(backendID) \(word(backend.settings.name)) \(word(address)) \
      \(settings.orders.state.figures) \(settings.weightWhenReady) \(settings.weight) \(seconds) 1 0 2 0 0 0 0 - \(port) - 0 0 - - 0
      """
  }

  private static func place(_ endpoint: Endpoint) -> (address: String, port: UInt16) {
    switch endpoint {
    case .ip(let address, let port): (address.description, port)
    case .unix(let path): (path, 0)
    }
  }

  /// A name as one word: the columns are separated by spaces.
  private static func word(_ name: String) -> String {
    String(name.map { $0.isWhitespace ? "_" : $0 })
  }
}

extension Snapshot {
  /// Listeners and pools are numbered from 1 in the order of the configuration, listeners first.
  func identifier(listener index: Int) -> Int { index + 1 }
  func identifier(pool index: Int) -> Int { listeners.count + index + 1 }
}

extension Settings.Backend.State {
  /// The operational state and the bits of the forced one (01 maintenance, 08 drain).
  fileprivate var figures: String {
    switch self {
    case .ready: "2 0"
    case .drain: "2 8"
    case .maint: "0 1"
    }
  }
}
