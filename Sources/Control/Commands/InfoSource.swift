internal import Basics
internal import Glibc
internal import Policy
internal import Proxy
internal import Settings
internal import Telemetry

/// Everything that `show info` reports from, of one moment.
struct InfoSource {
  let snapshot: Snapshot
  let rates: RateWindow
  let socketFigures: StatsSocketFigures
  let connectionsAtStart: Int

  init(_ context: CommandContext) {
    snapshot = context.proxy.snapshot()
    rates = context.rates.current
    socketFigures = context.socketFigures
    connectionsAtStart = context.connectionsAtStart
  }

  var admission: AdmissionSnapshot { snapshot.admission }
  var ledger: LedgerFigures { snapshot.admission.ledger }

  /// Connections a second; a slower limit shows as 1, since 0 is none.
  var connectionRateLimit: UInt64 { snapshot.settings.limits.connectionRate?.perSecond ?? 0 }

  var uptime: Duration { snapshot.now.since(snapshot.startedAt) }

  /// `0d 0h00m01s`.
  var uptimeText: String {
    let seconds = Int(uptime.components.seconds)
    return "\(seconds / 86400)d \(seconds / 3600 % 24)h\(padded(seconds / 60 % 60))m\(padded(seconds % 60))s"
  }

  /// Seconds since 1970.
  var startedAt: UInt64 { (Clock.wall - min(Clock.wall, uptime.clampedNanoseconds)) / 1_000_000_000 }

  func total(_ key: WorkerCounter) -> FigureValue { .number(snapshot.total(key)) }
  func rate(_ key: RateKey) -> FigureValue { .number(rates.rate(key)) }
  func maximum(_ key: RateKey) -> FigureValue { .number(rates.maximum(key)) }

  /// Bytes of buffers.
  func bufferBytes(_ key: WorkerCounter) -> UInt64 {
    snapshot.total(key).multipliedReportingOverflow(by: UInt64(BufferPool.stride)).partialValue
  }

  /// The share of the last second that the workers waited.
  var idlePercent: UInt64 {
    let busy = rates.rate(.busyNanoseconds) / 10_000_000 / UInt64(max(1, snapshot.workers.count))
    return busy > 100 ? 0 : 100 - busy
  }

  /// The share of the last second's handshakes that resumed a session.
  var reusePercent: UInt64 {
    let all = rates.rate(.handshakes)
    return all == 0 ? 0 : min(100, rates.rate(.handshakesResumed) * 100 / all)
  }

  var handshakes: UInt64 { snapshot.total(.handshakesFull) &+ snapshot.total(.handshakesResumed) }

  /// Soft RLIMIT_NOFILE.
  var descriptorLimit: UInt64 {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return UInt64(limit.rlim_cur)
  }

  /// Descriptors that the process has open, the control plane's included.
  var descriptorsOpen: UInt64 {
    guard let folder = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(folder) }
    var entries: UInt64 = 0
    while readdir(folder) != nil { entries += 1 }
    // `.`, `..` and the folder itself are none of the process's.
    return entries - min(entries, 3)
  }

  /// Sockets of clients and of backends, a direct descriptor each.
  var socketsLive: UInt64 {
    snapshot.pools.reduce(snapshot.total(.connectionsLive)) { $0 &+ UInt64(clamping: $1.connectionsLive) }
  }

  var node: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { name in
      guard gethostname(name.baseAddress!, name.count - 1) == 0 else { return "" }
      name[name.count - 1] = 0
      return String(cString: name.baseAddress!)
    }
  }

  var listening: Int { snapshot.listeners.reduce(0) { $0 + ($1.isAccepting ? $1.bound.count : 0) } }
}

extension Rate {
  /// Rounded up, so that it is never 0.
  var perSecond: UInt64 {
    let seconds = period.inSeconds
    return seconds > 0 ? UInt64((Double(count) / seconds).rounded(.up)) : 0
  }
}

func milliseconds(_ duration: Duration) -> UInt64 { duration.clampedNanoseconds / 1_000_000 }
