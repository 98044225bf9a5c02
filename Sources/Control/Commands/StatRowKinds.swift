internal import Basics
internal import Proxy
internal import Settings
internal import Telemetry

extension StatRow {
  static func listener(_ index: Int, of snapshot: Snapshot, _ rates: RateWindow) -> StatRow {
    let listener = snapshot.listeners[index]
    let counters = listener.counters
    let name = listener.settings.name
    var row = StatRow(
      .listener, proxyID: snapshot.identifier(listener: index), proxy: name, service: "FRONTEND")
    row.set("status", listener.isAccepting ? "OPEN" : snapshot.isDraining ? "STOP" : "FULL")
    row.set("mode", listener.settings.mode == .tcp ? "tcp" : "http")
    row.set(
      "slim", UInt64(clamping: listener.settings.connections ?? snapshot.settings.limits.connections))
    row.set("qcur", UInt64(clamping: listener.waiting))
    row.set("qmax", max(rates.maximum(.listenerWaiting(name)), UInt64(clamping: listener.waiting)))
    row.set("qlimit", UInt64(clamping: snapshot.settings.waitingRoom.capacity))
    row.set("dcon", counters[.connectionsRefusedBeforeTLS])
    row.set("dses", counters[.connectionsRefusedReadably])
    row.set("rate_lim", listener.settings.connectionRate?.perSecond ?? 0)
    row.set("scur", counters[.connectionsLive])
    row.set("smax", max(rates.maximum(.listenerLive(name)), counters[.connectionsLive]))
    row.set("stot", counters[.connectionsAccepted])
    row.set("conn_tot", counters[.connectionsAccepted])
    row.set("bin", counters[.bytesFromClients])
    row.set("bout", counters[.bytesToClients])
    row.set("dreq", counters[.requestsRefused])
    row.set("ereq", counters[.requestsMalformed])
    row.set("req_tot", counters[.requests])
    row.setRate(["rate", "conn_rate"], rates, .listenerConnections(name))
    row.setRate(["req_rate"], rates, .listenerRequests(name))
    row.setResponses([
      counters[.responses1xx], counters[.responses2xx], counters[.responses3xx], counters[.responses4xx],
      counters[.responses5xx],
    ])
    row.set("ssl_sess", counters[.handshakesFull] &+ counters[.handshakesResumed])
    row.set("ssl_reused_sess", counters[.handshakesResumed])
    row.set("ssl_failed_handshake", counters[.handshakesFailed])
    return row
  }

  static func backend(_ number: Int, pool index: Int, of snapshot: Snapshot, _ rates: RateWindow) -> StatRow {
    let pool = snapshot.pools[index].settings
    let backend = snapshot.pools[index].backends[number]
    var row = StatRow(
      .backend, proxyID: snapshot.identifier(pool: index), serverID: number + 1, proxy: pool.name,
      service: backend.settings.name)
    row.set("status", backend.settings.orders.state.status)
    row.set("weight", UInt64(clamping: backend.settings.weightInForce))
    row.set("uweight", UInt64(clamping: backend.settings.weightWhenReady))
    row.set("act", 1)
    row.set("bck", 0)
    row.set("addr", backend.settings.address.description)
    row.set("scur", UInt64(clamping: backend.connectionsLive))
    row.set("used_conn_cur", UInt64(clamping: backend.connectionsLive))
    row.set("smax", UInt64(clamping: backend.connectionsLiveMax))
    if let limit = backend.settings.connections { row.set("slim", UInt64(clamping: limit)) }
    row.setRate(["rate"], rates, .backendConnections(pool: pool.name, backend: backend.settings.name))
    row.setBackendFigures { backend.counters[$0] }
    row.setPoolSettings(pool, snapshot)
    return row
  }

  static func pool(_ index: Int, of snapshot: Snapshot, _ rates: RateWindow) -> StatRow {
    let pool = snapshot.pools[index]
    let name = pool.settings.name
    var row = StatRow(.pool, proxyID: snapshot.identifier(pool: index), proxy: name, service: "BACKEND")
    let active = pool.backends.count { $0.settings.weightInForce > 0 }
    row.set("status", active > 0 ? "UP" : "DOWN")
    row.set("weight", UInt64(clamping: pool.backends.reduce(0) { $0 + $1.settings.weightInForce }))
    row.set("uweight", UInt64(clamping: pool.backends.reduce(0) { $0 + $1.settings.weightWhenReady }))
    row.set("act", UInt64(active))
    row.set("bck", 0)
    row.set("algo", pool.settings.balance == .roundRobin ? "roundrobin" : "leastconn")
    row.set("scur", UInt64(clamping: pool.connectionsLive))
    row.set("smax", max(rates.maximum(.poolLive(name)), UInt64(clamping: pool.connectionsLive)))
    row.setRate(["rate"], rates, .poolConnections(name))
    row.setBackendFigures { pool.total($0) }
    row.setPoolSettings(pool.settings, snapshot)
    return row
  }

  private mutating func set(_ column: String, _ value: UInt64) { values[column] = .large(value) }
  private mutating func set(_ column: String, _ value: String) { values[column] = .string(value) }

  private mutating func setRate(_ columns: [String], _ rates: RateWindow, _ key: RateKey) {
    for column in columns {
      values[column] = .number(rates.rate(key))
      values[column + "_max"] = .number(rates.maximum(key))
    }
  }

  private mutating func setResponses(_ counts: [UInt64]) {
    for (index, count) in counts.enumerated() { set("hrsp_\(index + 1)xx", count) }
    set("hrsp_other", 0)
  }

  /// What backends and pools have in common. Bytes are HAProxy's way round: `bin` goes to the backend.
  private mutating func setBackendFigures(_ count: (BackendCounter) -> UInt64) {
    set("qcur", 0)
    set("qmax", 0)
    set("stot", count(.connections))
    set("lbtot", count(.connections))
    set("connect", count(.connections) &+ count(.connectFailures))
    set("bin", count(.bytesToBackend))
    set("bout", count(.bytesFromBackend))
    set("econ", count(.connectFailures))
    set("eresp", count(.responseFailures))
    set("wretr", count(.retries))
    set("wredis", count(.redispatches))
    set("cli_abrt", count(.abortsByClient))
    set("srv_abrt", count(.abortsByBackend))
    setResponses([
      count(.responses1xx), count(.responses2xx), count(.responses3xx), count(.responses4xx),
      count(.responses5xx),
    ])
    set("messages_to_backend", count(.messagesToBackend))
    set("messages_from_backend", count(.messagesFromBackend))
  }

  private mutating func setPoolSettings(_ pool: Settings.Pool, _ snapshot: Snapshot) {
    set("lastchg", UInt64(clamping: snapshot.now.since(snapshot.startedAt).components.seconds))
    let users = snapshot.settings.listeners.filter { listener in
      listener.pool == pool.name || listener.routes.contains { $0.pool == pool.name }
    }
    let isTCP = !users.isEmpty && users.allSatisfy { $0.mode == .tcp }
    set("mode", isTCP ? "tcp" : "http")
  }
}

extension Settings.Backend.State {
  /// HAProxy's word. Nothing checks a backend's health yet.
  fileprivate var status: String {
    switch self {
    case .ready: "no check"
    case .drain: "DRAIN"
    case .maint: "MAINT"
    }
  }
}
