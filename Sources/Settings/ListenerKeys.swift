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

extension Settings.TLS {
  static var type: ValueType<Self> {
    .mapping("TLS", keys, make: { _ in Self(certificates: []) })
  }

  static var keys: [Key<Self>] {
    [
      Key(
        "certificates", \.certificates, .nonemptyList(of: Certificate.type).comparedAsWhole(),
        required: true),
      Key("minimum_version", \.minimumVersion, .word),
      Key("record_layer", \.recordLayer, .word),
      Key("tickets", \.tickets, .mapping("tickets", Tickets.keys, make: { _ in Tickets() })),
    ]
  }

  /// What the file has as a mapping of its own.
  struct Tickets: Equatable {
    var lifetime = Settings.TLS(certificates: []).ticketLifetime

    /// RFC 8446, 4.6.1: no client may use a ticket for longer than seven days.
    static var keys: [Key<Self>] {
      [Key("lifetime", \.lifetime, .duration(.seconds(60) ... .seconds(7 * 86400)))]
    }
  }

  var tickets: Tickets {
    get { Tickets(lifetime: ticketLifetime) }
    set { ticketLifetime = newValue.lifetime }
  }
}

extension Settings.TLS.Certificate {
  static var type: ValueType<Self> {
    .mapping("a certificate", keys, make: { Self(certificate: "", key: "", location: $0) })
  }

  static var keys: [Key<Self>] {
    [
      Key("certificate", \.certificate, .path(), required: true),
      Key("key", \.key, .path(), required: true),
    ]
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
