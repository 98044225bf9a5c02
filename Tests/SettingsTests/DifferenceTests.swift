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
    limits: {connections: 5, head: 8KiB}
    listeners:
      - name: public
        bind: ["0.0.0.0:443", "[::]:443"]
        tls: {certificates: [{certificate: /c, key: /k}]}
        routes: [{path: /b, pool: chat}]
        pool: chat
    pools:
      - name: chat
        backends: [{name: a, address: "10.0.0.1:1", weight: 50, connections: 7}, {name: c, address: "10.0.0.3:1"}]
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
        "limits.connections is now 5, was 9900; this takes effect after a restart",
        "limits.head is now 8KiB, was 16KiB",
        "listener \"gone\" is removed",
        "listener \"public\": bind is now [0.0.0.0:443, [::]:443], was [0.0.0.0:443]",
        "listener \"public\": tls is now set, was not set",
        "listener \"public\": routes changed",
        "pool \"chat\": backend \"b\" is removed",
        "pool \"chat\": backend \"a\": weight is now 50, was 100",
        "pool \"chat\": backend \"a\": connections is now 7, was not set",
        "pool \"chat\": backend \"c\" is added",
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
}
