internal import Glibc
internal import Proxy
internal import Settings
internal import Telemetry

/// A field of `show info`: its place in `all` is its position in typed output, and never changes.
struct InfoField: Sendable {
  let name: String
  let tags: FigureTags
  let description: String
  /// Nil where the field doesn't apply; its position stays reserved.
  let value: @Sendable (InfoSource) -> FigureValue?

  init(
    _ name: String, _ tags: String, _ description: String,
    _ value: @escaping @Sendable (InfoSource) -> FigureValue?
  ) {
    self.name = name
    self.tags = FigureTags(tags)
    self.description = description
    self.value = value
  }

  /// HAProxy's fields in HAProxy's order (FORMATS section 1), then ours.
  static let all: [InfoField] = process + connections + rates + rest + ours + admission

  /// The same under another name.
  func named(_ name: String) -> InfoField {
    InfoField(name, String(tags.letters.dropLast()), description, value)
  }

  private static let process: [InfoField] = [
    .init("Name", "POS", "Name of the product") { _ in .string(Version.name) },
    .init("Version", "POS", "Version of the product") { _ in .string(Version.number) },
    .init("Release_date", "POS", "Day of the version") { _ in .string(Version.date) },
    .init("Nbthread", "CGS", "Workers") { .number($0.snapshot.workers.count) },
    .init("Nbproc", "CGS", "Processes, always 1") { _ in .number(1) },
    .init("Process_num", "KGP", "Number of this process, always 1") { _ in .number(1) },
    .init("Pid", "SGP", "Process identifier") { _ in .number(getpid()) },
    .init("Uptime", "MDP", "How long the process has run (days, hours, minutes, seconds)") {
      .string($0.uptimeText)
    },
    .init("Uptime_sec", "MDP", "How long the process has run, in seconds") {
      .number($0.uptime.components.seconds)
    },
    .init("Start_time_sec", "SDP", "When the process started, in seconds since 1970") {
      .number($0.startedAt)
    },
    .init("Memmax_MB", "CLP", "Limit on memory in MiB, 0 without one") { _ in .number(0) },
    .init("Memmax_bytes", "CLP", "Limit on memory in bytes, 0 without one") { _ in .large(0) },
    .init("PoolAlloc_MB", "MGP", "I/O buffers reserved, in MiB") {
      .number($0.bufferBytes(.buffersTotal) >> 20)
    },
    .init("PoolAlloc_bytes", "MGP", "I/O buffers reserved, in bytes") {
      .large($0.bufferBytes(.buffersTotal))
    },
    .init("PoolUsed_MB", "MGP", "I/O buffers taken, in MiB") { .number($0.bufferBytes(.buffersTaken) >> 20) },
    .init("PoolUsed_bytes", "MGP", "I/O buffers taken, in bytes") { .large($0.bufferBytes(.buffersTaken)) },
    .init("PoolFailed", "MCP", "How often no I/O buffer was left") { $0.total(.buffersExhausted) },
    .init("Ulimit-n", "CLP", "Descriptors that the process may have (RLIMIT_NOFILE)") {
      .number($0.descriptorLimit)
    },
    .init("Maxsock", "CLP", "Sockets that the process may have, direct descriptors included") {
      .number($0.descriptorLimit &+ UInt64(clamping: $0.snapshot.directDescriptors))
    },
  ]

  private static let connections: [InfoField] = [
    .init("Maxconn", "CLP", "Live connections at most") { .number($0.snapshot.settings.limits.connections) },
    .init("Hard_maxconn", "CLP", "Live connections that the start made room for") {
      .number($0.connectionsAtStart)
    },
    .init("CurrConns", "MGP", "Live connections") { $0.total(.connectionsLive) },
    .init("CumConns", "MCP", "Connections accepted") { $0.total(.connectionsAccepted) },
    .init("CumReq", "MCP", "Requests") { $0.total(.requests) },
    .init("MaxSslConns", "CLP", "Live TLS connections at most, 0 without a limit") { _ in .number(0) },
    .init("CurrSslConns", "MGP", "Live TLS connections") { $0.total(.connectionsTLSLive) },
    .init("CumSslConns", "MCP", "TLS connections") { .number($0.handshakes) },
    .init("Maxpipes", "CLP", "Pipes at most; none are used") { _ in .number(0) },
    .init("PipesUsed", "MGP", "Pipes in use; none are") { _ in .number(0) },
    .init("PipesFree", "MGP", "Pipes kept; none are") { _ in .number(0) },
  ]

  private static let rates: [InfoField] = [
    .init("ConnRate", "MRP", "Connections accepted in the last second") { $0.rate(.connections) },
    .init("ConnRateLimit", "CLP", "Connections admitted a second at most, 0 without a limit") {
      .number($0.connectionRateLimit)
    },
    .init("MaxConnRate", "MMP", "Highest ConnRate") { $0.maximum(.connections) },
    .init("SessRate", "MRP", "Connections admitted in the last second") { $0.rate(.admissions) },
    .init("SessRateLimit", "CLP", "Connections admitted a second at most, 0 without a limit") {
      .number($0.connectionRateLimit)
    },
    .init("MaxSessRate", "MMP", "Highest SessRate") { $0.maximum(.admissions) },
    .init("SslRate", "MRP", "TLS handshakes in the last second") { $0.rate(.handshakes) },
    .init("SslRateLimit", "CLP", "TLS handshakes a second at most, 0 without a limit") { _ in .number(0) },
    .init("MaxSslRate", "MMP", "Highest SslRate") { $0.maximum(.handshakes) },
    .init("SslFrontendKeyRate", "MRP", "Full TLS handshakes in the last second") { $0.rate(.handshakesFull) },
    .init("SslFrontendMaxKeyRate", "MMP", "Highest SslFrontendKeyRate") { $0.maximum(.handshakesFull) },
    .init("SslFrontendSessionReuse_pct", "MGP", "Percent of the last second's handshakes that resumed") {
      .number($0.reusePercent)
    },
    .init("SslBackendKeyRate", "MRP", "Full TLS handshakes with backends; none are made") { _ in .number(0) },
    .init("SslBackendMaxKeyRate", "MMP", "Highest SslBackendKeyRate") { _ in .number(0) },
    .init("SslCacheLookups", "MCP", "Session cache look-ups; tickets need no cache") { _ in .number(0) },
    .init("SslCacheMisses", "MCP", "Session cache misses; tickets need no cache") { _ in .number(0) },
    .init("CompressBpsIn", "MRP", "Bytes to compress in the last second; nothing is") { _ in .number(0) },
    .init("CompressBpsOut", "MRP", "Bytes compressed in the last second; nothing is") { _ in .number(0) },
    .init("CompressBpsRateLim", "CLP", "Limit on compression, 0 without one") { _ in .number(0) },
    .init("ZlibMemUsage", "MGP", "Memory of compression") { _ in nil },
    .init("MaxZlibMemUsage", "CLP", "Limit on the memory of compression") { _ in nil },
  ]

  private static let rest: [InfoField] = [
    .init("Tasks", "MGP", "Live connections") { $0.total(.connectionsLive) },
    .init("Run_queue", "MGP", "Handshakes waiting for CPU") { $0.total(.handshakesQueued) },
    .init("Idle_pct", "MaP", "Percent of the last second that the workers waited") {
      .number($0.idlePercent)
    },
    .init("node", "COS", "Name of the machine") { .string($0.node) },
    .init("description", "COS", "Description of the instance") { _ in nil },
    .init("Stopping", "SGP", "1 while the process drains") { .number($0.snapshot.isDraining ? 1 : 0) },
    .init("Jobs", "MGP", "Live connections and listening sockets") {
      .number($0.snapshot.total(.connectionsLive) &+ UInt64($0.listening))
    },
    .init("Unstoppable Jobs", "MGP", "Jobs that a drain doesn't wait for") { _ in .number(0) },
    .init("Listeners", "MGP", "Addresses that are listened on") { .number($0.listening) },
    .init("ActivePeers", "MGP", "Peers; there are none") { _ in .number(0) },
    .init("ConnectedPeers", "MGP", "Peers; there are none") { _ in .number(0) },
    .init("DroppedLogs", "MCP", "Log lines of connections that were dropped") { $0.total(.recordsDropped) },
    .init("BusyPolling", "CGP", "1 when workers poll without waiting") { _ in .number(0) },
    .init("FailedResolutions", "MCP", "Names that could not be resolved") { _ in .number(0) },
    .init("TotalBytesOut", "MCP", "Bytes sent to clients") { .large($0.snapshot.total(.bytesToClients)) },
    .init("TotalSplicedBytesOut", "MCP", "Bytes spliced; none are") { _ in .large(0) },
    .init("BytesOutRate", "MRP", "Bytes sent to clients in the last second") {
      .large($0.rates.rate(.bytesToClients))
    },
    .init("DebugCommandsIssued", "MCP", "Debug commands; there are none") { _ in .number(0) },
    .init("CumRecvLogs", "MCP", "Log lines received; none are") { _ in .number(0) },
    .init("Build info", "POS", "Version of the product") { _ in .string(Version.number) },
    .init("Tainted", "SOP", "0 when nothing unusual was done to the process") { _ in .string("0") },
    .init("TotalWarnings", "MCP", "Warnings at start") { _ in .number(0) },
    .init("MaxconnReached", "MCP", "How often no slot was left, or the process's limit was reached") {
      .number($0.snapshot.total(.slotsExhausted) &+ $0.admission[.processLimit])
    },
    .init("BootTime_ms", "MDP", "How long the start took, in milliseconds") { _ in nil },
    .init("Niced_tasks", "MGP", "Tasks of lower priority; there are none") { _ in .number(0) },
  ]
}
