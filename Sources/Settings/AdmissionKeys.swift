internal import Basics

// The tables of the keys that say who may come in, how fast, and how the others are refused.

extension Settings.PerAddress {
  static var keys: [Key<Self>] {
    [
      Key("connections", optional: \.connections, .connectionsOrOff, none: "off"),
      Key("connection_rate", optional: \.connectionRate, .rate, none: "off"),
      Key("burst", optional: \.burst, .burst),
      Key("ipv6_prefix", \.ipv6Prefix, .integer(1...128)),
    ]
  }

  static func check(_ limits: inout Self, _ reader: MappingReader) {
    reader.checkBurst("burst", limits.burst, rate: limits.connectionRate)
  }
}

extension Settings.WaitingRoom {
  /// A client waits some seconds before it tries again; a connection kept for longer is nobody's.
  static var keys: [Key<Self>] {
    [
      Key("capacity", \.capacity, .integer(1...2_000_000)),
      Key("patience", \.patience, .duration(.milliseconds(10) ... .seconds(60))),
    ]
  }
}

extension Settings.Refusal {
  static var keys: [Key<Self>] {
    [
      Key("before_tls", \.beforeTLS, .word),
      Key("readable", \.readable, .word),
      Key("cpu", \.cpu, .share()),
      Key("hold", \.hold, .mapping("holding", Hold.keys, make: { _ in Hold() })),
    ]
  }
}

extension Settings.Refusal.Hold {
  static var keys: [Key<Self>] {
    [
      Key("connections", \.connections, .integer(1...2_000_000)),
      Key("at_most", \.atMost, .duration(.seconds(1) ... .seconds(3600))),
    ]
  }
}

extension Settings.Listener.ProxyProtocol {
  static var type: ValueType<Self> {
    .mapping("the PROXY protocol", keys, make: { _ in Self(from: []) })
  }

  static var keys: [Key<Self>] {
    [Key("from", \.from, .oneOrMore(.cidr).comparedAsWhole(), required: true)]
  }
}

extension MappingReader {
  /// A burst is how much of a rate may come at once: without the rate it means nothing.
  func checkBurst(_ key: String, _ burst: Int?, rate: Rate?, rateKey: String = "connection_rate") {
    guard burst != nil, rate == nil, isSound(rateKey) else { return }
    report(key, "\(key) needs the key \(quoted(rateKey)) beside it")
  }
}
