import Settings
import Testing

/// A file (or lines put behind `Samples.small`) and exactly what is said about it.
struct Complaint: Sendable, CustomTestStringConvertible {
  var yaml: String
  var lines: [String]
  init(_ yaml: String, _ lines: String...) {
    self.yaml = yaml
    self.lines = lines
  }
  var testDescription: String { String(yaml.prefix(60)) }
}

@Suite struct ComplaintsTests {
  @Test(arguments: [
    Complaint("limits: {conections: 5}", "1:10: unknown key \"conections\"; did you mean \"connections\"?"),
    Complaint(
      "limits: {Buffer-Memory: 1MiB}", "1:10: unknown key \"Buffer-Memory\"; did you mean \"buffer_memory\"?"),
    Complaint("drain: {pace: 5}", "1:9: unknown key \"pace\"; known here: window"),
    Complaint(
      "waiting_room: {size: 1}",
      "1:16: unknown key \"size\"; known here: capacity, patience"),
    Complaint(
      "log: {level: warn}",
      "1:14: expected one of trace, debug, info, notice, warning, error, critical, got \"warn\"; did you mean \"warning\"?"
    ),
    Complaint(
      "log: {level: loud}",
      "1:14: expected one of trace, debug, info, notice, warning, error, critical, got \"loud\""),
    Complaint(
      "log: {level: [info]}",
      "1:14: expected one of trace, debug, info, notice, warning, error, critical, got a list"),
    Complaint("log: {connections: \"\"}", "1:20: expected a file's path of at most 4095 bytes, got \"\""),
    Complaint(
      "log: {connections: \"a\\0b\"}",
      "1:20: expected a file's path of at most 4095 bytes, got \"a\\0b\""),
  ])
  func `Unknown keys and words`(complaint: Complaint) {
    #expect(Samples.complaints(appending: complaint.yaml) == complaint.lines)
  }

  @Test(arguments: [
    Complaint("deadlines: {idle: [30s]}", "1:19: expected a duration such as 30s, got a list"),
    Complaint("deadlines: {idle: 30}", "1:19: expected a duration such as 30s, got \"30\""),
    Complaint("deadlines: {idle: }", "1:19: expected a duration such as 30s, got nothing"),
    Complaint("deadlines: {idle: ~}", "1:19: expected a duration such as 30s, got nothing"),
    Complaint("deadlines: {idle: 0s}", "1:19: must be from 1ms to 365d, got 0s"),
    Complaint(
      "deadlines: 5s", "1:12: expected a mapping with keys such as first_byte and handshaking, got \"5s\""),
    Complaint("workers: 0", "1:10: must be from 1 to 64, got 0"),
    Complaint("workers: 65", "1:10: must be from 1 to 64, got 65"),
    Complaint("workers: automatic", "1:10: expected a number of threads or auto, got \"automatic\""),
    Complaint("limits: {connections: 2_000_001}", "1:23: must be from 1 to 2000000, got 2000001"),
    Complaint("limits: {connections: 1.5}", "1:23: expected a whole number such as 100, got \"1.5\""),
    Complaint(
      "limits: {head: 1023B, headers: 1001}", "1:16: must be from 1KiB to 16KiB, got 1023B",
      "1:32: must be from 1 to 1000, got 1001"),
    Complaint("limits: {buffer_memory: {a: b}}", "1:25: expected a size such as 64KiB, got a mapping"),
    Complaint("relay: {high_water: 16383B}", "1:21: must be from 16KiB to 64MiB, got 16383B"),
    Complaint(
      "relay: {low_water: 129KiB}", "1:20: low_water must be at most high_water (128KiB), got 129KiB"),
    Complaint(
      "relay: {low_water: 65KiB, high_water: big}", "1:39: expected a size such as 64KiB, got \"big\""),
    Complaint("user: \"a b\"", "1:7: expected an account's name, got \"a b\""),
    Complaint(
      "admin: {stats_socket: {mode: \"0888\"}}", "1:23: the stats socket needs the key \"path\"",
      "1:30: expected octal permissions such as \"0600\", got \"0888\""),
    Complaint(
      "admin: {stats_socket: /run/s}",
      "1:23: expected a mapping with keys such as path and mode, got \"/run/s\""),
  ])
  func `Types and ranges`(complaint: Complaint) {
    #expect(Samples.complaints(appending: complaint.yaml) == complaint.lines)
  }

  @Test(arguments: [
    Complaint("", "t.yaml:1:1: the file is empty"),
    Complaint("# a comment\n", "t.yaml:1:1: the file is empty"),
    Complaint("- a\n", "t.yaml:1:1: expected a mapping with keys such as workers and limits, got a list"),
    Complaint("hello", "t.yaml:1:1: expected a mapping with keys such as workers and limits, got \"hello\""),
    Complaint("workers: 1\n", "t.yaml:1:1: the file needs the key \"listeners\""),
    Complaint("listeners:\n\t- bind: x\n", "t.yaml:2:1: a tab can't indent in YAML; use spaces"),
    Complaint(
      "listeners: [\n",
      "t.yaml:2:1: not valid YAML: did not find expected node content (while parsing a flow node, line 2)"),
    Complaint(
      "listeners:\n- bind: [::]:443\n",
      "t.yaml:2:10: not valid YAML: did not find expected node content (while parsing a flow node, line 2); an address in brackets needs quotation marks: \"[::]:443\""
    ),
    Complaint("user: *nobody\n", "t.yaml:1:7: not valid YAML: found undefined alias"),
    Complaint("user: a\n---\nuser: b\n", "t.yaml:2:1: a second document begins here; settings are one"),
    Complaint("user: a\nlog: \u{1}\n", "t.yaml:2:6: not valid YAML: control characters are not allowed"),
    Complaint(
      "listeners: []\n? [a]\n: b\n", "t.yaml:1:12: expected at least one element, got none",
      "t.yaml:2:3: expected a key, got a list"),
  ])
  func `Files that are none`(complaint: Complaint) {
    #expect(Samples.complaints(complaint.yaml) == complaint.lines)
  }

  @Test(arguments: [
    Complaint(
      "drain: {window: 1s}\nuser: a\ndrain: {}\n", "3:1: duplicate key \"drain\"; the first is in line 3"),
    Complaint(
      "limits: {head: 1KiB, \"head\": 2KiB, head: 3KiB}\nuser: a\nuser: b\nusr: c\n",
      "1:22: duplicate key \"head\"; the first is in line 3",
      "1:36: duplicate key \"head\"; the first is in line 3",
      "3:1: duplicate key \"user\"; the first is in line 4",
      "4:1: unknown key \"usr\"; did you mean \"user\"?"),
    Complaint(
      "log: {level: info, ? level : debug}\n", "1:22: duplicate key \"level\"; the first is in line 3"),
  ])
  func `Keys that stand twice are found with all else`(complaint: Complaint) {
    #expect(Samples.complaints(appending: complaint.yaml) == complaint.lines)
  }

  @Test func `What an alias repeats is said once, where it stands`() {
    let yaml = """
      listeners: [{bind: "0.0.0.0:1", pool: chat}]
      pools:
        - {name: chat, backends: &backends [{address: "10.0.0.1:1", weight: 300}]}
        - {name: site, backends: *backends}
      """
    #expect(Samples.complaints(yaml) == ["t.yaml:3:71: must be from 0 to 256, got 300"])
  }

  @Test func `Only a tab that indents is to blame for a mistake in its line`() {
    #expect(Samples.complaints("user: a\n\tb: c\n").map { $0.contains("a tab") } == [true])
    #expect(Samples.complaints("user: {}\n]\t\n").map { $0.contains("a tab") } == [false])
  }

  @Test func `A duplicate that cannot be passed over is found alone`() {
    let yaml = "\"us\\x65r\": a\nuser: b\n\u{e000}: x\n"
    #expect(
      Samples.complaints(yaml) == ["t.yaml:1:1: duplicate key \"user\": it stands here and again further on"])
  }
}
