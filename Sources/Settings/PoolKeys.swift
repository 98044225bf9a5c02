internal import Basics
internal import Yams

// The tables of a pool's keys.

extension Settings.Pool {
  static var type: ValueType<Self> {
    .mapping("a pool", keys, make: { Self(name: "", location: $0, backends: []) })
  }

  static var keys: [Key<Self>] {
    [
      Key("name", \.name, .poolName, required: true),
      Key("balance", \.balance, .word),
      Key(
        "backends", \.backends,
        .nonemptyList(of: Settings.Backend.type)
          .named("backend", by: \.name, element: Settings.Backend.type),
        required: true),
      Key("forwarded_headers", \.forwardedHeaders, .bool),
      Key("proxy_protocol", optional: \.proxyProtocol, .word, none: "off"),
      Key("retry", \.retry, .mapping("retries", Settings.Retry.keys, make: { _ in Settings.Retry() })),
    ]
  }
}

extension Settings.Retry {
  static var keys: [Key<Self>] { [Key("attempts", \.attempts, .integer(1...100))] }
}

extension Settings.Backend {
  /// An address alone, or a mapping.
  static var type: ValueType<Self> {
    var type = ValueType<Self>.mapping(
      "a backend", keys, make: { _ in Self(name: "", address: .unix(path: "")) },
      finish: { backend, reader in
        if backend.name.isEmpty, reader.isSound("address"), reader.isSound("name") {
          backend.name = backend.address.description
        }
      })
    let compareMapping = type.compare
    type.compare = { compareMapping($0, $1, $2) + compareOrders($0, $1, $2) }
    let readMapping = type.read
    type.read = { node, reading in
      guard case .scalar = node, !node.isNothing else { return readMapping(node, reading) }
      return ValueType.address.read(node, reading).map { Self(name: $0.description, address: $0) }
    }
    return type
  }

  static var keys: [Key<Self>] {
    [
      Key("name", \.name, .name),
      Key("address", \.address, .address, required: true),
      Key("weight", \.weight, .integer(0...256)),
      Key("connections", optional: \.connections, .integer(1...2_000_000)),
    ]
  }
}
