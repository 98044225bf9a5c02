import Settings
import Testing

@Suite struct ListenerComplaintsTests {
  /// What is said about one listener beside a pool called chat.
  private static func complaints(listener: String) -> [String] {
    Samples.complaints("listeners: [\(listener)]\npools: [{name: chat, backends: [\"10.0.0.1:9001\"]}]\n")
  }

  @Test(arguments: [
    Complaint(
      "chat.example.com:443",
      "\"chat.example.com:443\" has a host name; addresses must be IP here, names aren't resolved"),
    Complaint("localhost", "\"localhost\" has a host name; addresses must be IP here, names aren't resolved"),
    Complaint("10.0.0.1", "\"10.0.0.1\" lacks a port, such as \"10.0.0.1:443\""),
    Complaint("::1", "\"::1\" needs brackets around the address, and a port: such as \"[::1]:443\""),
    Complaint(
      "1:2:3:4:5:6:7:8:443", "\"1:2:3:4:5:6:7:8:443\" needs brackets; did you mean \"[1:2:3:4:5:6:7:8]:443\"?"
    ),
    Complaint(":443", "\":443\" lacks an address; all are \"0.0.0.0:443\""),
    Complaint("*:443", "\"*:443\" lacks an address; all are \"0.0.0.0:443\""),
    Complaint("10.0.0.1:65536", "\"10.0.0.1:65536\" has no port from 0 to 65535"),
    Complaint(
      "10.0.0:1",
      "expected an address such as 10.0.0.1:9001, [::1]:9001 or unix:/run/chat.sock, got \"10.0.0:1\""),
    Complaint("unix:", "\"unix:\" lacks a path"),
    Complaint(
      "unix:/" + String(repeating: "x", count: 107),
      "\"unix:/" + String(repeating: "x", count: 74)
        + "...\" is no socket's path: it may have 107 bytes, and no zero byte"),
  ])
  func `Addresses`(complaint: Complaint) {
    let lines = Self.complaints(listener: "{bind: \"\(complaint.yaml)\", pool: chat}")
    #expect(lines == complaint.lines.map { "t.yaml:1:20: " + $0 })
  }

  @Test(arguments: [
    Complaint("{pool: chat}", "1:13: a listener needs the key \"bind\""),
    Complaint("{bind: \"0.0.0.0:1\"}", "1:13: a listener needs the key \"pool\" or \"routes\""),
    Complaint("{bind: \"0.0.0.0:1\", pool: chta}", "1:39: no pool is named \"chta\"; did you mean \"chat\"?"),
    Complaint("{bind: \"0.0.0.0:1\", pool: games}", "1:39: no pool is named \"games\"; there are \"chat\""),
    Complaint("{bind: [], pool: chat}", "1:20: expected at least one element, got none"),
    Complaint(
      "{bind: \"0.0.0.0:1\", mode: tpc, pool: chat}",
      "1:39: expected one of websocket, tcp, got \"tpc\"; did you mean \"tcp\"?"),
    Complaint("{bind: \"0.0.0.0:1\", mode: tcp}", "1:39: a listener of mode tcp needs the key \"pool\""),
    Complaint(
      "{bind: \"0.0.0.0:1\", mode: tcp, pool: chat, routes: [{pool: chat}]}",
      "1:64: mode tcp has no requests to route; it needs a pool alone"),
    Complaint(
      "{bind: \"0.0.0.0:1\", plain_http: no, pool: chat}", "1:45: expected one of pass, refuse, got \"no\""),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat, name: \"a/b\"}",
      "1:51: expected a name of at most 64 letters, digits and . _ - : @, got \"a/b\""),
    Complaint("{bind: \"0.0.0.0:1\", pool: chat, tls: {}}", "1:50: TLS needs the key \"certificates\""),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat, tls: {certificates: []}}",
      "1:65: expected at least one element, got none"),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat, tls: {certificates: [{certificate: a.pem}]}}",
      "1:66: a certificate needs the key \"key\""),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat, tls: {certificates: [{certificate: a, key: b}], minimum_version: 1.1}}",
      "1:110: expected one of 1.2, 1.3, got \"1.1\""),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat, tls: {certificates: [{certificate: a, key: b}], tickets: {lifetime: 8d}}}",
      "1:113: must be from 1m to 7d, got 8d"),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat, tls: {certificates: [{certificate: a, key: b}], tickets: {keys: a, fleet_secret: b}}}",
      "1:126: tickets have either \"keys\" or a \"fleet_secret\""),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat, tls: {certificates: [{certificate: a, key: b}], tickets: {keys: []}}}",
      "1:109: expected at least one element, got none"),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat, tls: {certificates: [{certificate: a, key: b}], client_certificates: optional}}",
      "1:114: client certificates need the key \"client_ca\""),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat, tls: {certificates: [{certificate: a, key: b}], client_crl: c}}",
      "1:105: a list of revoked certificates needs the key \"client_ca\""),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat, tls: {certificates: [{certificate: a, key: b}], client_ca: c, client_certificates: maybe}}",
      "1:128: expected one of required, optional, got \"maybe\""),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat, tls: {certificates: [{certificate: a, key: b}], groups: [\"a:b\"]}}",
      "1:102: expected a name such as X25519 or TLS_AES_128_GCM_SHA256, got \"a:b\""),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat, tls: {certificates: [{certificate: a, key: b}], ciphers: [A B]}}",
      "1:103: expected ciphers in OpenSSL's notation such as ECDHE+AESGCM:!SHA1, got \"A B\""),
    Complaint(
      "{bind: \"0.0.0.0:1\", routes: [{path: ws}, {host: \"a:1\", pool: chat}, {pool: chta}]}",
      "1:42: a route needs the key \"pool\"",
      "1:49: expected a path that begins with / and has no ?, # or spaces, such as /ws, got \"ws\"",
      "1:61: expected a host such as chat.example.com or *.example.com, without a port, got \"a:1\"",
      "1:88: no pool is named \"chta\"; did you mean \"chat\"?"),
    Complaint(
      "{bind: \"0.0.0.0:1\", pool: chat}, {bind: [\"0.0.0.0:2\", \"0.0.0.0:1\"], pool: chat}",
      "1:67: 0.0.0.0:1 is bound already, in line 1"),
    Complaint(
      "{bind: \"[::ffff:1.2.3.4]:1\", pool: chat}, {bind: \"1.2.3.4:1\", pool: chat}",
      "1:62: 1.2.3.4:1 is bound already, in line 1"),
    Complaint(
      "{name: a, bind: \"0.0.0.0:1\", pool: chat}, {name: a, bind: \"0.0.0.0:2\", pool: chat}",
      "1:62: another listener is named \"a\" already, in line 1"),
  ])
  func `Listeners`(complaint: Complaint) {
    #expect(Self.complaints(listener: complaint.yaml) == complaint.lines.map { "t.yaml:" + $0 })
  }

  @Test func `Port 0 takes any free port, as often as it is written`() {
    #expect(Self.complaints(listener: "{bind: [\"127.0.0.1:0\", \"127.0.0.1:0\"], pool: chat}") == [])
  }
}

@Suite struct PoolComplaintsTests {
  private static func complaints(pools: String) -> [String] {
    Samples.complaints("listeners: [{bind: \"0.0.0.0:1\", pool: chat}]\npools: [\(pools)]\n")
  }

  @Test(arguments: [
    Complaint("", "1:39: no pool is named \"chat\"; there are no pools"),
    Complaint("{name: chat}", "2:9: a pool needs the key \"backends\""),
    Complaint(
      "{backends: [\"10.0.0.1:1\"]}", "1:39: no pool is named \"chat\"; there are no pools",
      "2:9: a pool needs the key \"name\""),
    Complaint("{name: chat, backends: []}", "2:32: expected at least one element, got none"),
    Complaint("{name: chat, backends: \"10.0.0.1:1\"}", "2:32: expected a list, got \"10.0.0.1:1\""),
    Complaint(
      "{name: chat, backends: [\"10.0.0.1:0\"]}",
      "2:33: \"10.0.0.1:0\" has port 0, which nobody can connect to"),
    Complaint(
      "{name: chat, backends: [chat.internal:9001]}",
      "2:33: \"chat.internal:9001\" has a host name; addresses must be IP here, names aren't resolved"),
    Complaint(
      "{name: chat, backends: [{weight: 257, connections: 0}]}", "2:33: a backend needs the key \"address\"",
      "2:42: must be from 0 to 256, got 257", "2:60: must be from 1 to 2000000, got 0"),
    Complaint(
      "{name: chat, backends: [\"10.0.0.1:1\", {name: \"10.0.0.1:1\", address: \"10.0.0.2:1\"}]}",
      "2:54: another backend is named \"10.0.0.1:1\" already, in line 2"),
    Complaint(
      "{name: chat, backends: [\"10.0.0.1:1\"]}, {name: chat, backends: [\"10.0.0.1:1\"]}",
      "2:56: another pool is named \"chat\" already, in line 2"),
    Complaint(
      "{name: chat, backends: [\"10.0.0.1:1\"], balance: hash, forwarded_headers: maybe, retry: {attempts: 0}}",
      "2:57: expected one of least-connections, round-robin, got \"hash\"",
      "2:82: expected on or off, got \"maybe\"", "2:107: must be from 1 to 100, got 0"),
    Complaint(
      "{name: chat, backends: [\"10.0.0.1:1\"], proxy_protocol: v3}",
      "2:64: expected one of v1, v2, got \"v3\"; did you mean \"v1\"?"),
    Complaint(
      "{name: chat, backends: [\"10.0.0.1:1\"], proxy_protocol: {from: 10.0.0.1}}",
      "2:64: expected one of v1, v2, got a mapping"),
  ])
  func `Pools`(complaint: Complaint) {
    #expect(Self.complaints(pools: complaint.yaml) == complaint.lines.map { "t.yaml:" + $0 })
  }
}
