import Settings
import Testing

@Suite struct DifferenceTests {
  private static let old = """
    workers: 2
    listeners:
      - {name: public, bind: "0.0.0.0:443", routes: [{path: /a, pool: chat}], pool: chat}
      - {name: gone, bind: "0.0.0.0:80", pool: chat}
    pools:
      - name: chat
        backends: [{name: a, address: "10.0.0.1:1"}, {name: b, address: "10.0.0.2:1"}]
    log: {connections: stdout}
    """

  private static let new = """
    # Everything stands a line further down.
    workers: auto
    limits: {connections: 5, connection_rate: 5/m, handshake_cpu: 29%, per_address: {burst: 3, connection_rate: 7/s}, head: 8KiB}
    waiting_room: {patience: 1s}
    refusal: {readable: hold-1013, cpu: 7%, hold: {at_most: 90s}}
    listeners:
      - name: public
        bind: ["0.0.0.0:443", "[::]:443"]
        connection_rate: 100/s
        deny: 10.0.0.0/8
        proxy_protocol: {from: 10.0.0.1}
        tls: {certificates: [{certificate: /c, key: /k}]}
        routes: [{path: /b, pool: chat}]
        pool: chat
    pools:
      - name: chat
        backends: [{name: a, address: "10.0.0.1:1", weight: 50, connections: 7}, {name: c, address: "10.0.0.3:1"}]
        proxy_protocol: v1
        retry: {attempts: 1}
      - {name: more, backends: ["10.0.0.9:1"]}
    admin: {stats_socket: {path: /s}}
    user: tidegate
    """

  private static func difference(_ old: String, _ new: String) throws -> [String] {
    try Settings.parse(new, file: "t").difference(from: Settings.parse(old, file: "t"))
  }

  @Test func `Every change is a plain sentence`() throws {
    #expect(
      try Self.difference(Self.old, Self.new) == [
        "workers is now auto, was 2; this takes effect after a restart",
        "limits.connections is now 5, was 9900; more than at the start there is room for only after a restart",
        "limits.connection_rate is now 5/m, was off",
        "limits.handshake_cpu is now 29%, was off",
        "limits.per_address.connection_rate is now 7/s, was off",
        "limits.per_address.burst is now 3, was not set",
        "limits.head is now 8KiB, was 16KiB",
        "waiting_room.patience is now 1s, was 3s",
        "refusal.readable is now hold-1013, was 503",
        "refusal.cpu is now 7%, was 10%",
        "refusal.hold.at_most is now 1m30s, was 1m",
        "listener \"gone\" is removed",
        "listener \"public\": bind is now [0.0.0.0:443, [::]:443], was [0.0.0.0:443]",
        "listener \"public\": connection_rate is now 100/s, was off",
        "listener \"public\": deny changed",
        "listener \"public\": proxy_protocol is now set, was off",
        "listener \"public\": tls is now set, was not set",
        "listener \"public\": routes changed",
        "pool \"chat\": backend \"b\" is removed",
        "pool \"chat\": backend \"a\": weight is now 50, was 100",
        "pool \"chat\": backend \"a\": connections is now 7, was not set",
        "pool \"chat\": backend \"c\" is added",
        "pool \"chat\": proxy_protocol is now v1, was off",
        "pool \"chat\": retry.attempts is now 1, was 3",
        "pool \"more\" is added",
        "log.connections is now off, was \"stdout\"",
        "admin.stats_socket is now set, was off",
        "user is now \"tidegate\", was not set; this takes effect after a restart",
      ])
  }

  @Test func `Sections that come and go are set and not set`() throws {
    let sentences = try Self.difference(Self.new, Self.old)
    #expect(sentences.contains("listener \"public\": tls is now not set, was set"))
    #expect(sentences.contains("admin.stats_socket is now off, was set"))
  }

  @Test func `Moved lines and comments are no change`() throws {
    #expect(try Self.difference(Self.old, "\n# A comment.\n\n" + Self.old) == [])
  }

  @Test func `Another order is a change of its own`() throws {
    let swapped = Self.old.replacing(
      "{name: a, address: \"10.0.0.1:1\"}, {name: b, address: \"10.0.0.2:1\"}",
      with: "{name: b, address: \"10.0.0.2:1\"}, {name: a, address: \"10.0.0.1:1\"}")
    #expect(try Self.difference(Self.old, swapped) == ["pool \"chat\": backends are in another order"])
  }

  @Test func `Nested sections are named by their path`() throws {
    let before = Self.new.replacing("key: /k}]}", with: "key: /k}], tickets: {lifetime: 1h}}")
    let sentences = try Self.difference(before, Self.new)
    #expect(sentences == ["listener \"public\": tls.tickets.lifetime is now 12h, was 1h"])
  }

  @Test func `Lists of names and files are shown as they stand`() throws {
    let after = Self.new.replacing(
      "key: /k}]}", with: "key: /k}], groups: P-256, tickets: {keys: [/a, /b]}}")
    #expect(
      try Self.difference(Self.new, after) == [
        "listener \"public\": tls.tickets.keys is now [\"/a\", \"/b\"], was []",
        "listener \"public\": tls.groups is now [\"P-256\"], was []",
      ])
  }

  @Test func `Orders that a reload forgets are named`() throws {
    var ordered = try Settings.parse(Self.old, file: "t")
    ordered.pools[0].backends[0].orders.state = .drain
    ordered.pools[0].backends[0].orders.weight = 7
    #expect(
      try Settings.parse(Self.old, file: "t").difference(from: ordered) == [
        "pool \"chat\": backend \"a\": state is now ready, was drain",
        "pool \"chat\": backend \"a\": ordered weight is now not set, was 7",
      ])
  }
}
