import Basics
import Foundation
import Policy
import Settings
import Testing

@Suite struct SettingsParserTests {
  @Test func `What the file leaves out has the model's defaults`() throws {
    let settings = try Settings.parse(Samples.small, file: "/etc/tidegate/t.yaml")
    var expected = Settings()
    let start = SourceLocation(line: 1, column: 1)
    expected.listeners = [
      Settings.Listener(name: "public", location: start, bind: [Endpoint("0.0.0.0:443")!])
    ]
    expected.listeners[0].pool = "chat"
    let backend = Settings.Backend(name: "10.0.0.1:9001", address: Endpoint("10.0.0.1:9001")!)
    expected.pools = [Settings.Pool(name: "chat", location: start, backends: [backend])]
    #expect(settings == expected)
  }

  @Test func `Every key puts its value into its place`() throws {
    let settings = try Settings.parse(everyKey, file: "/etc/tidegate/t.yaml")
    #expect(settings == everyKeyExpected)
    #expect(settings.listeners[0].location.line == 7)
    #expect(settings.listeners[0].location.column == 5)
    #expect(settings.listeners[0].tls?.groups[1].location.line == 28)
    #expect(settings.listeners[0].tls?.groups[1].location.column == 24)
    #expect(settings.pools[0].location.line == 34)
  }

  @Test func `Sections without a key and explicit absence are fine`() throws {
    let yaml =
      Samples.small
      + "limits: {connection_rate: off, handshake_cpu: off, per_address: {connections: off, connection_rate: off}}\n"
      + "waiting_room:\nrefusal: {hold: ~}\nrelay: ~\nworkers: auto\nlog: {connections: off}\nadmin: {stats_socket: off}\n"
    #expect(try Settings.parse(yaml, file: "t") == Settings.parse(Samples.small, file: "t"))
  }

  @Test func `Anchors, aliases and merge keys mean what they stand for`() throws {
    let yaml = """
      listeners:
        - &first {name: a, bind: "0.0.0.0:1", plain_http: refuse, pool: &pool chat}
        - {<<: *first, name: b, bind: "0.0.0.0:2"}
      pools: [{name: *pool, backends: ["10.0.0.1:9001"]}]
      """
    let settings = try Settings.parse(yaml, file: "t")
    #expect(settings.listeners.map(\.name) == ["a", "b"])
    #expect(settings.listeners.map(\.plainHTTP) == [.refuse, .refuse])
    #expect(settings.pools[0].name == "chat")
  }

  @Test func `Relative paths are relative to the file's folder`() throws {
    let yaml = """
      listeners: [{bind: "unix:l.sock", tls: {certificates: [{certificate: a.pem, key: /k/a.key}]}, pool: chat}]
      pools: [{name: chat, backends: ["unix:run/b.sock", "unix:@abstract"]}]
      log: {connections: log.json}
      admin: {stats_socket: {path: s.sock}}
      """
    let settings = try Settings.parse(yaml, file: "conf/t.yaml")
    #expect(settings.listeners[0].bind == [.unix(path: "conf/l.sock")])
    #expect(settings.listeners[0].tls?.certificates[0].certificate == "conf/a.pem")
    #expect(settings.listeners[0].tls?.certificates[0].key == "/k/a.key")
    let addresses: [Endpoint] = [.unix(path: "conf/run/b.sock"), .unix(path: "@abstract")]
    #expect(settings.pools[0].backends.map(\.address) == addresses)
    #expect(settings.log.connections == "conf/log.json")
    #expect(settings.admin.statsSocket?.path == "conf/s.sock")
    #expect(try Settings.parse(yaml, file: "t.yaml").log.connections == "log.json")
  }

  @Test(arguments: ["stdout", "stderr"]) func `Streams of the log are no paths`(word: String) throws {
    let settings = try Settings.parse(Samples.small + "log: {connections: \(word)}", file: "conf/t.yaml")
    #expect(settings.log.connections == word)
  }

  @Test func `Lines may end as Windows ends them, and a byte order mark may come first`() {
    let yaml = "\u{feff}" + Samples.small.replacingOccurrences(of: "\n", with: "\r\n")
    #expect(Samples.complaints(yaml) == [])
    #expect(
      Samples.complaints(yaml + "usr: x\r\n") == ["t.yaml:3:1: unknown key \"usr\"; did you mean \"user\"?"])
  }

  @Test func `Loading says why a file cannot be read`() throws {
    let folder = FileManager.default.temporaryDirectory.path
    #expect(throws: SettingsErrors.self) { try Settings.load(file: folder + "/no/such/file.yaml") }
    #expect(throws: SettingsErrors.self) { try Settings.load(file: folder) }
    do throws(SettingsErrors) {
      _ = try Settings.load(file: "/dev/zero")
      Issue.record("an endless file was read")
    } catch {
      #expect(error.description == "/dev/zero:1:1: the file is too large; at most 1048576 bytes are read")
    }
  }
}

private let everyKey = """
  workers: 4
  limits: {connections: 200_000, connection_rate: 2000/s, connection_burst: 200, handshake_cpu: 60%, per_address: {connections: 500, connection_rate: 50/m, burst: 100, ipv6_prefix: 56}, buffer_memory: 1GiB, head: 8KiB, headers: 50}
  relay: {high_water: 256KiB, low_water: 0B, coalesce: 20us}
  waiting_room: {capacity: 1000, patience: 2500ms}
  refusal: {before_tls: close, readable: hold-1013, cpu: 5%, hold: {connections: 7, at_most: 30s}}
  listeners:
    - name: public
      bind: ["0.0.0.0:443", "[::]:443"]
      mode: websocket
      plain_http: refuse
      connections: 1000
      connection_rate: 1000/s
      connection_burst: 50
      allow: 10.0.0.0/8
      deny: [10.1.0.0/16, "2001:db8::/32"]
      proxy_protocol: {from: [10.0.0.1]}
      tls:
        certificates: [{certificate: /c, key: /k, ocsp: /o}]
        minimum_version: 1.3
        record_layer: openssl
        handshake: openssl
        tickets: {lifetime: 1h, keys: t.key}
        client_ca: /ca
        client_crl: /crl
        client_certificates: optional
        ciphers: ECDHE+AESGCM:!SHA1
        cipher_suites: [TLS_AES_128_GCM_SHA256]
        groups: [X25519, P-256]
        signature_algorithms: ecdsa_secp256r1_sha256
      routes: [{host: Chat.Example.com, path: /ws, pool: chat}]
      pool: chat
    - {bind: 127.0.0.1:8883, mode: tcp, pool: chat}
  pools:
    - name: chat
      balance: round-robin
      backends: [{name: a, address: "10.0.0.1:9001", weight: 0, connections: 5}, {address: "[::1]:1"}]
      forwarded_headers: on
      proxy_protocol: v2
      retry: {attempts: 2}
  deadlines: {first_byte: 1s, handshaking: 2s, upgrading: 3s, connecting: 400ms, idle: 1h30m, closing: 6s}
  drain: {window: 1m}
  log: {level: debug, connections: stderr}
  admin: {stats_socket: {path: /s, mode: "0660", level: operator}}
  realtime_priority: 10
  user: tidegate
  """

private var everyKeyExpected: Settings {
  var settings = Settings()
  settings.workers = 4
  settings.limits.connections = 200_000
  settings.limits.bufferMemory = .gibibytes(1)
  settings.limits.head = .kibibytes(8)
  settings.limits.headers = 50
  settings.limits.connectionRate = Rate(2000)
  settings.realtimePriority = 10
  settings.limits.connectionBurst = 200
  settings.limits.handshakeCPU = 0.6
  settings.limits.perAddress = everyPerAddressExpected
  settings.waitingRoom.capacity = 1000
  settings.waitingRoom.patience = .milliseconds(2500)
  settings.refusal.beforeTLS = .close
  settings.refusal.readable = .hold1013
  settings.refusal.cpu = 0.05
  settings.refusal.hold.connections = 7
  settings.refusal.hold.atMost = .seconds(30)
  settings.relay.highWater = .kibibytes(256)
  settings.relay.coalesce = .microseconds(20)
  settings.relay.lowWater = ByteCount(0)
  settings.deadlines.firstByte = .seconds(1)
  settings.deadlines.handshaking = .seconds(2)
  settings.deadlines.upgrading = .seconds(3)
  settings.deadlines.connecting = .milliseconds(400)
  settings.deadlines.idle = .seconds(5400)
  settings.deadlines.closing = .seconds(6)
  settings.listeners = everyListenerExpected
  settings.pools = [everyPoolExpected]
  settings.drain.window = .seconds(60)
  settings.log.level = .debug
  settings.log.connections = "stderr"
  settings.admin.statsSocket = Settings.Admin.StatsSocket(path: "/s")
  settings.admin.statsSocket?.mode = 0o660
  settings.admin.statsSocket?.level = .operator
  settings.user = "tidegate"
  return settings
}

private var everyPerAddressExpected: Settings.PerAddress {
  var limits = Settings.PerAddress()
  limits.connections = 500
  limits.connectionRate = Rate(50, per: .seconds(60))
  limits.burst = 100
  limits.ipv6Prefix = 56
  return limits
}

private var everyListenerExpected: [Settings.Listener] {
  let start = SourceLocation(line: 1, column: 1)
  var tls = Settings.TLS(
    certificates: [Settings.TLS.Certificate(certificate: "/c", key: "/k", location: start)])
  tls.minimumVersion = .tls13
  tls.recordLayer = .openssl
  tls.handshake = .openssl
  tls.tickets.lifetime = .seconds(3600)
  tls.tickets.keys = [Settings.Located("/etc/tidegate/t.key", at: start)]
  tls.certificates[0].ocsp = Settings.Located("/o", at: start)
  tls.clientCA = Settings.Located("/ca", at: start)
  tls.clientCRL = Settings.Located("/crl", at: start)
  tls.clientCertificates = .optional
  tls.ciphers = [Settings.Located("ECDHE+AESGCM:!SHA1", at: start)]
  tls.cipherSuites = [Settings.Located("TLS_AES_128_GCM_SHA256", at: start)]
  tls.groups = [Settings.Located("X25519", at: start), Settings.Located("P-256", at: start)]
  tls.signatureAlgorithms = [Settings.Located("ecdsa_secp256r1_sha256", at: start)]
  var route = Settings.Route(pool: "chat")
  route.host = "chat.example.com"
  route.path = "/ws"
  let bind = [Endpoint("0.0.0.0:443")!, Endpoint("[::]:443")!]
  var secure = Settings.Listener(name: "public", location: start, bind: bind)
  secure.plainHTTP = .refuse
  secure.connections = 1000
  secure.connectionRate = Rate(1000)
  secure.connectionBurst = 50
  secure.allow = [block("10.0.0.0", 8)]
  secure.deny = [block("10.1.0.0", 16), block("2001:db8::", 32)]
  secure.proxyProtocol = Settings.Listener.ProxyProtocol(from: [block("10.0.0.1", 32)])
  secure.tls = tls
  secure.routes = [route]
  secure.pool = "chat"
  var plain = Settings.Listener(
    name: "127.0.0.1:8883", location: start, bind: [Endpoint("127.0.0.1:8883")!])
  plain.mode = .tcp
  plain.pool = "chat"
  return [secure, plain]
}

private func block(_ address: String, _ prefix: Int) -> CIDR {
  try! CIDR(IPAddress(address)!, prefix: prefix)
}

private var everyPoolExpected: Settings.Pool {
  var limited = Settings.Backend(name: "a", address: Endpoint("10.0.0.1:9001")!)
  limited.weight = 0
  limited.connections = 5
  let other = Settings.Backend(name: "[::1]:1", address: Endpoint("[::1]:1")!)
  let start = SourceLocation(line: 1, column: 1)
  var pool = Settings.Pool(name: "chat", location: start, backends: [limited, other])
  pool.balance = .roundRobin
  pool.forwardedHeaders = true
  pool.proxyProtocol = .v2
  pool.retry.attempts = 2
  return pool
}
