internal import Proxy
internal import Synchronization
internal import Telemetry

extension InfoField {
  /// What HAProxy has no name for. Added to at the end only.
  static let ours: [InfoField] = [
    .init("Upgrades", "MCP", "WebSocket connections relayed") { $0.total(.upgrades) },
    .init("ConnectionsEnded", "MCP", "Connections ended") { $0.total(.connectionsEnded) },
    .init("HandshakesFull", "MCP", "Full TLS handshakes") { $0.total(.handshakesFull) },
    .init("HandshakesResumed", "MCP", "TLS handshakes that resumed a session") {
      $0.total(.handshakesResumed)
    },
    .init("HandshakesFailed", "MCP", "TLS handshakes that failed") { $0.total(.handshakesFailed) },
    .init("HandshakeCPU_us", "MCP", "CPU time of handshakes, in microseconds") {
      .large($0.snapshot.total(.handshakeNanoseconds) / 1000)
    },
    .init("BytesFromClients", "MCP", "Bytes received from clients") {
      .large($0.snapshot.total(.bytesFromClients))
    },
    .init("DirectDescriptors", "CLP", "Direct descriptors of the workers' rings") {
      .number($0.snapshot.directDescriptors)
    },
    .init("DescriptorsExhausted", "MCP", "How often no direct descriptor was left") {
      $0.total(.descriptorsExhausted)
    },
    .init("BuffersTaken", "MGP", "I/O buffers taken") { $0.total(.buffersTaken) },
    .init("BuffersTotal", "CLP", "I/O buffers reserved") { $0.total(.buffersTotal) },
    .init("AcceptErrors", "MCP", "Connections that could not be accepted") { $0.total(.acceptErrors) },
    .init("AcceptPauses", "MCP", "How often accepting stopped for want of room") { $0.total(.acceptPauses) },
    .init("CompletionsStale", "MCP", "Completions for connections already gone") {
      $0.total(.completionsStale)
    },
    .init("Turns", "MCP", "Turns of the workers' loops") { .large($0.snapshot.total(.turns)) },
    .init("StatsCommands", "MCP", "Commands that the stats socket has run") {
      .large($0.socketFigures.commands.load(ordering: .relaxed))
    },
    .init("StatsConnectionsRefused", "MCP", "Stats connections beyond the limit, closed at once") {
      .large($0.socketFigures.refused.load(ordering: .relaxed))
    },
  ]
}
