internal import Basics

// The tables of a listener's keys.

extension Settings.Listener {
  static var type: ValueType<Self> {
    .mapping(
      "a listener", keys, make: { Self(name: "", location: $0, bind: []) },
      finish: { listener, reader in
        if listener.name.isEmpty, let first = listener.bind.first { listener.name = first.description }
        listener.check(reader)
      })
  }

  static var keys: [Key<Self>] {
    [
      Key("name", \.name, .name),
      Key("bind", \.bind, .oneOrMore(.bindAddress), required: true),
      Key("mode", \.mode, .word),
      Key("plain_http", \.plainHTTP, .word),
      Key("connections", optional: \.connections, .connectionsOrOff, none: "off"),
      Key("connection_rate", optional: \.connectionRate, .rate, none: "off"),
      Key("connection_burst", optional: \.connectionBurst, .burst),
      Key("allow", \.allow, .oneOrMore(.cidr).comparedAsWhole()),
      Key("deny", \.deny, .oneOrMore(.cidr).comparedAsWhole()),
      Key("proxy_protocol", optional: \.proxyProtocol, ProxyProtocol.type, none: "off"),
      Key("tls", optional: \.tls, Settings.TLS.type),
      Key("routes", \.routes, .list(of: Settings.Route.type).comparedAsWhole()),
      Key("pool", optional: \.pool, .poolReference),
    ]
  }

  private func check(_ reader: MappingReader) {
    reader.checkBurst("connection_burst", connectionBurst, rate: connectionRate)
    checkPools(reader)
  }

  private func checkPools(_ reader: MappingReader) {
    guard reader.isSound("pool"), reader.isSound("routes"), reader.isSound("mode") else { return }
    if mode == .tcp {
      if !routes.isEmpty {
        reader.report("routes", "mode tcp has no requests to route; it needs a pool alone")
      }
      if pool == nil { reader.report("mode", "a listener of mode tcp needs the key \"pool\"") }
    } else if pool == nil, routes.isEmpty {
      reader.report("routes", "a listener needs the key \"pool\" or \"routes\"")
    }
  }
}

extension Settings.Route {
  static var type: ValueType<Self> { .mapping("a route", keys, make: { _ in Self(pool: "") }) }

  static var keys: [Key<Self>] {
    [
      Key("host", optional: \.host, .host),
      Key("path", optional: \.path, .requestPath),
      Key("pool", \.pool, .poolReference, required: true),
    ]
  }
}
