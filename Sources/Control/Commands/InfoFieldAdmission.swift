internal import Policy
internal import Proxy
internal import Settings
internal import Telemetry

extension InfoField {
  /// The waiting room, refusals and returns, handshakes by where the time goes, and what is near its limit.
  /// Added to at the end only.
  static let admission: [InfoField] =
    waiting + refusals + ledger.map { $0.named("Ledger" + $0.name) } + addresses
    + handshakes("full", \.full) + handshakes("resumed", \.resumed) + costs + ratios + [margin]

  private static let waiting: [InfoField] = [
    .init("Waiting", "MGP", "Connections that wait ahead of TLS") { .number($0.admission.waiting) },
    .init("WaitingMax", "CLP", "Connections that may wait") { .number($0.admission.waitingCapacity) },
    .init("Expected", "MGP", "Connections that haven't said anything yet, with a place kept for them") {
      .number($0.admission.expected)
    },
    .init("WaitLongest_ms", "MDP", "How long the oldest has waited, in milliseconds") {
      .large(milliseconds($0.admission.longestWait))
    },
    .init("WaitMax_ms", "MMP", "The longest that one waited and was admitted, in milliseconds") {
      .large(milliseconds($0.admission.waitMax))
    },
    .init("Admitted", "MCP", "Connections admitted from the waiting room") { .large($0.admission.admitted) },
    .init("WaitGone", "MCP", "Clients that left the waiting room by themselves") {
      .large($0.admission.gone)
    },
  ]

  private static let refusals: [InfoField] =
    [
      InfoField("Refused", "MCP", "Connections refused") {
        .large($0.admission.refused.reduce(0, &+))
      }
    ]
    + AdmissionSnapshot.Refusal.allCases.map { reason in
      InfoField(
        "Refused_" + reason.rawValue.replacing("-", with: "_"), "MCP",
        "Connections refused because of: \(reason.rawValue)"
      ) { .large($0.admission[reason]) }
    } + [
      .init("Refused_before_tls", "MCP", "Refused ahead of TLS") { .large($0.admission.refusedBeforeTLS) },
      .init("Refused_503", "MCP", "Refused with 503 and Retry-After") {
        .large($0.admission.refusedUnavailable)
      },
      .init("Refused_held", "MCP", "Refused with 101, held and closed with 1013") {
        .large($0.admission.refusedHeld)
      },
      .init("Held", "MGP", "Clients held until their slot") { .number($0.admission.held) },
      .init("HeldMax", "CLP", "Clients that may be held") { .number($0.admission.heldCapacity) },
    ]

  private static let addresses: [InfoField] = [
    .init("Addresses", "MGP", "Client addresses that limits know") { .number($0.admission.addresses.count) },
    .init("AddressesMax", "CLP", "Client addresses that there is room for") {
      .number($0.admission.addressCapacity)
    },
    .init("AddressOverflows", "MCP", "Connections whose address found no room") {
      .large($0.admission.addressOverflows)
    },
  ]

  /// The time of handshakes in microseconds: in the queue, in crypto, and the rest, on the network.
  private static func handshakes(
    _ kind: String, _ split: @escaping @Sendable (HandshakeTimes) -> HandshakeTimes.Split
  ) -> [InfoField] {
    let parts: [(String, @Sendable (HandshakeTimes.Split) -> HandshakeTimes.Quantiles)] = [
      ("queue", { $0.queue }), ("cpu", { $0.cpu }), ("network", { $0.network }),
    ]
    let quantiles: [(String, String, @Sendable (HandshakeTimes.Quantiles) -> UInt64)] = [
      ("p50", "MaP", { $0.p50 }), ("p99", "MaP", { $0.p99 }), ("max", "MMP", { $0.max }),
    ]
    return parts.flatMap { part, times in
      quantiles.map { name, tags, quantile in
        InfoField(
          "Handshake_\(kind)_\(part)_\(name)_us", tags,
          "Microseconds of a \(kind) handshake, \(part), \(name)"
        ) { .large(quantile(times(split($0.snapshot.handshakes)))) }
      }
    }
  }

  /// What the admission expects; plain connections have no handshake.
  private static let costs: [InfoField] = HandshakeClass.allCases.filter { $0 != .plain }.map { kind in
    InfoField("HandshakeCost_\(kind)_us", "MaP", "Expected CPU time of a handshake \(kind), in microseconds")
    {
      let costs = $0.admission.costs
      return costs.indices.contains(kind.rawValue) ? .large(costs[kind.rawValue] / 1000) : nil
    }
  }

  private static let margin = InfoField(
    "HandshakeMargin_ms", "MDP", "What of the patience is kept for the handshake, in milliseconds"
  ) { .large(milliseconds($0.admission.handshakeMargin)) }

  private static let ratios: [InfoField] = [
    .init("Slots_ratio", "MGP", "Live connections of those that may live") {
      .ratio($0.snapshot.total(.connectionsLive), of: UInt64($0.snapshot.settings.limits.connections))
    },
    .init("WaitingRoom_ratio", "MGP", "Waiting connections of those that may wait") {
      .ratio(UInt64($0.admission.waiting), of: UInt64($0.admission.waitingCapacity))
    },
    .init("Buffers_ratio", "MGP", "I/O buffers taken of those reserved") {
      .ratio($0.snapshot.total(.buffersTaken), of: $0.snapshot.total(.buffersTotal))
    },
    .init("Descriptors_ratio", "MGP", "Descriptors open of those that the process may have") {
      .ratio($0.descriptorsOpen, of: $0.descriptorLimit)
    },
    .init("DirectDescriptors_ratio", "MGP", "Direct descriptors of live connections of those there are") {
      .ratio($0.socketsLive, of: UInt64(clamping: $0.snapshot.directDescriptors))
    },
  ]
}
