import Foundation
import Settings
import Testing

/// The annotated examples that users copy.
@Suite struct ExamplesTests {
  private static let folder = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appending(
      path: "conf")

  private static let examples: [String] = {
    let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
    return (names ?? []).filter { $0.hasSuffix(".yaml") }.sorted()
  }()

  private static func text(_ name: String) throws -> String {
    try String(contentsOf: folder.appending(path: name), encoding: .utf8)
  }

  @Test func `The examples are there`() {
    #expect(Set(Self.examples).isSuperset(of: ["minimal.yaml", "storm.yaml", "tcp.yaml", "websocket.yaml"]))
  }

  @Test(arguments: examples) func `Every example is valid`(name: String) throws {
    let path = Self.folder.appending(path: name).path
    let settings = try Settings.load(file: path)
    #expect(!settings.listeners.isEmpty)
  }

  @Test func `The full example has and annotates every key`() throws {
    let text = try Self.text("websocket.yaml")
    for key in Self.keys {
      #expect(
        text.firstMatch(
          of: try Regex("(^|[\\s{-])\(key):", as: (Substring, Substring).self).anchorsMatchLineEndings())
          != nil, "\(key)")
    }
  }

  /// Learnt from the parser's own complaint about a key that is none, section by section.
  private static let keys: Set<String> = {
    let sections = [
      "x: 1", "limits: {x: 1}", "limits: {per_address: {x: 1}}", "waiting_room: {x: 1}", "refusal: {x: 1}",
      "refusal: {hold: {x: 1}}", "listeners: [{proxy_protocol: {x: 1}}]", "relay: {x: 1}",
      "deadlines: {x: 1}", "drain: {x: 1}", "log: {x: 1}",
      "admin: {x: 1}", "admin: {stats_socket: {x: 1}}", "listeners: [{x: 1}]", "listeners: [{tls: {x: 1}}]",
      "listeners: [{tls: {tickets: {x: 1}}}]", "listeners: [{tls: {certificates: [{x: 1}]}}]",
      "listeners: [{routes: [{x: 1}]}]", "pools: [{x: 1}]", "pools: [{retry: {x: 1}}]",
      "pools: [{backends: [{x: 1}]}]",
    ]
    let marker = "unknown key \"x\"; known here: "
    let known = sections.flatMap { Samples.complaints($0) }
      .compactMap { line in line.firstRange(of: marker).map { line[$0.upperBound...] } }
    return Set(known.flatMap { $0.split(separator: ", ").map(String.init) })
  }()

  @Test func `The keys were learnt`() {
    #expect(
      Self.keys.isSuperset(of: [
        "workers", "lifetime", "attempts", "record_layer", "weight", "mode", "patience", "ipv6_prefix",
      ]))
  }
}
