import Settings
import Testing

/// What is said about limits, the waiting room, refusals and lists of addresses.
@Suite struct AdmissionComplaintsTests {
  @Test(arguments: [
    Complaint("limits: {connection_rate: 0/s}", "1:27: must be from 1/s to 10000000/s, got 0/s"),
    Complaint("limits: {connection_rate: 0/m}", "1:27: must be from 1/m to 10000000/m, got 0/m"),
    Complaint(
      "limits: {connection_rate: 10000001/s}", "1:27: must be from 1/s to 10000000/s, got 10000001/s"),
    Complaint("limits: {connection_rate: 500}", "1:27: expected a rate such as 500/s or off, got \"500\""),
    Complaint("limits: {connection_rate: -1/s}", "1:27: expected a rate such as 500/s or off, got \"-1/s\""),
    Complaint("limits: {connection_rate: 5/d}", "1:27: expected a rate such as 500/s or off, got \"5/d\""),
    Complaint("limits: {connection_rate: }", "1:27: expected a rate such as 500/s or off, got nothing"),
    Complaint(
      "limits: {connection_rate: 1/s, connection_burst: 0}", "1:50: must be from 1 to 10000000, got 0"),
    Complaint(
      "limits: {connection_burst: 5}",
      "1:28: connection_burst needs the key \"connection_rate\" beside it"),
    Complaint(
      "limits: {connection_rate: off, connection_burst: 5}",
      "1:50: connection_burst needs the key \"connection_rate\" beside it"),
    Complaint(
      "limits: {connection_rate: fast, connection_burst: 5}",
      "1:27: expected a rate such as 500/s or off, got \"fast\""),
    Complaint("limits: {handshake_cpu: 0%}", "1:25: must be from 1% to 100%, got 0%"),
    Complaint("limits: {handshake_cpu: 101%}", "1:25: must be from 1% to 100%, got 101%"),
    Complaint(
      "limits: {handshake_cpu: 0.6}", "1:25: expected a percentage such as 60% or off, got \"0.6\""),
    Complaint(
      "limits: {handshake-cpu: 5%}", "1:10: unknown key \"handshake-cpu\"; did you mean \"handshake_cpu\"?"),
  ])
  func `Limits of the process`(complaint: Complaint) {
    #expect(Samples.complaints(appending: complaint.yaml) == complaint.lines)
  }

  @Test(arguments: [
    Complaint(
      "limits: {per_address: 50/s}",
      "1:23: expected a mapping with keys such as connections and connection_rate, got \"50/s\""),
    Complaint(
      "limits: {per_address: {connections: 0, connection_rate: 0/h, ipv6_prefix: 129}}",
      "1:37: must be from 1 to 2000000, got 0", "1:57: must be from 1/h to 10000000/h, got 0/h",
      "1:75: must be from 1 to 128, got 129"),
    Complaint(
      "limits: {per_address: {burst: 5}}", "1:31: burst needs the key \"connection_rate\" beside it"),
    Complaint(
      "limits: {per_address: {connections: none}}",
      "1:37: expected a whole number such as 100 or off, got \"none\""),
  ])
  func `Limits of an address`(complaint: Complaint) {
    #expect(Samples.complaints(appending: complaint.yaml) == complaint.lines)
  }

  @Test(arguments: [
    Complaint("waiting_room: {capacity: 0}", "1:26: must be from 1 to 2000000, got 0"),
    Complaint("waiting_room: {patience: 0s}", "1:26: must be from 10ms to 1m, got 0s"),
    Complaint("waiting_room: {patience: 61s}", "1:26: must be from 10ms to 1m, got 1m1s"),
    Complaint("waiting_room: {patience: 3}", "1:26: expected a duration such as 30s, got \"3\""),
    Complaint(
      "refusal: {before_tls: rst}", "1:23: expected one of reset, close, got \"rst\""
    ),
    Complaint("refusal: {readable: 429}", "1:21: expected one of 503, hold-1013, none, got \"429\""),
    Complaint(
      "refusal: {readable: hold_1013}",
      "1:21: expected one of 503, hold-1013, none, got \"hold_1013\"; did you mean \"hold-1013\"?"),
    Complaint("refusal: {cpu: off}", "1:16: expected a percentage such as 60%, got \"off\""),
    Complaint("refusal: {cpu: 0%}", "1:16: must be from 1% to 100%, got 0%"),
    Complaint(
      "refusal: {hold: {connections: 0, at_most: 500ms}}", "1:31: must be from 1 to 2000000, got 0",
      "1:43: must be from 1s to 1h, got 500ms"),
  ])
  func `The waiting room and refusals`(complaint: Complaint) {
    #expect(Samples.complaints(appending: complaint.yaml) == complaint.lines)
  }

  /// What is said about keys added to a listener that is fine, in columns of the added text.
  private static func complaints(listener: String) -> [String] {
    let beginning = "listeners: [{bind: \"0.0.0.0:1\", pool: chat, "
    let yaml = beginning + listener + "}]\npools: [{name: chat, backends: [\"10.0.0.1:9001\"]}]\n"
    return Samples.complaints(yaml).map { line in
      let parts = line.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
      return "\(Int(parts[2])! - beginning.count):\(parts[3])"
    }
  }

  @Test(arguments: [
    Complaint("connections: 0", "14: must be from 1 to 2000000, got 0"),
    Complaint("connection_rate: 0/s", "18: must be from 1/s to 10000000/s, got 0/s"),
    Complaint("connection_burst: 5", "19: connection_burst needs the key \"connection_rate\" beside it"),
    Complaint(
      "allow: [10.0.0.1/8]", "9: \"10.0.0.1/8\" has bits set behind its prefix; did you mean \"10.0.0.0/8\"?"),
    Complaint(
      "deny: \"2001:db8::1/32\"",
      "7: \"2001:db8::1/32\" has bits set behind its prefix; did you mean \"2001:db8::/32\"?"),
    Complaint(
      "allow: [10.0.0.0/33, 10.0.0.0/x, 10.0.0.0/]",
      "9: \"10.0.0.0/33\" has no prefix length from 0 to 32, but \"33\"",
      "22: \"10.0.0.0/x\" has no prefix length from 0 to 32, but \"x\"",
      "34: \"10.0.0.0/\" has no prefix length from 0 to 32, but \"\""),
    Complaint(
      "deny: [chat.internal, \"10.0.0.1:80\"]",
      "8: expected a block of addresses such as 10.0.0.0/8 or 2001:db8::/32, got \"chat.internal\"",
      "23: expected a block of addresses such as 10.0.0.0/8 or 2001:db8::/32, got \"10.0.0.1:80\""),
    Complaint(
      "deny: \"a\\n/8\"",
      "7: expected a block of addresses such as 10.0.0.0/8 or 2001:db8::/32, got \"a\\n/8\""),
    Complaint("allow: []", "8: expected at least one element, got none"),
    Complaint("proxy_protocol: v2", "17: expected a mapping with keys such as from, got \"v2\""),
    Complaint("proxy_protocol: {}", "17: the PROXY protocol needs the key \"from\""),
    Complaint("proxy_protocol: {from: []}", "24: expected at least one element, got none"),
    Complaint(
      "proxy_protocol: {form: [10.0.0.0/8]}", "17: the PROXY protocol needs the key \"from\"",
      "18: unknown key \"form\"; did you mean \"from\"?"),
  ])
  func `Limits and addresses of a listener`(complaint: Complaint) {
    #expect(Self.complaints(listener: complaint.yaml) == complaint.lines)
  }

  @Test(arguments: [
    "connections: off", "connection_rate: off", "connection_rate: 1/h, connection_burst: 1",
    "proxy_protocol: off", "deny: 0.0.0.0/0, allow: [\"::/0\", 192.0.2.1]",
  ])
  func `These are fine`(listener: String) {
    #expect(Self.complaints(listener: listener) == [])
  }
}
