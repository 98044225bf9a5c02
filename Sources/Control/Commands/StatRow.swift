internal import Proxy

/// A row of `show stat`: a listener, a backend, or a pool.
struct StatRow: Sendable {
  /// HAProxy's numbers: a listener of ours is its frontend, a pool its backend, a backend its server.
  enum Kind: Int, Sendable { case listener = 0, pool = 1, backend = 2 }

  let kind: Kind
  let proxyID: Int
  /// 0 for listeners and pools.
  let serverID: Int
  /// By column; a column that doesn't apply isn't there.
  var values: [String: FigureValue] = [:]

  init(_ kind: Kind, proxyID: Int, serverID: Int = 0, proxy: String, service: String) {
    self.kind = kind
    self.proxyID = proxyID
    self.serverID = serverID
    values = [
      "pxname": .string(proxy), "svname": .string(service), "pid": .number(1), "iid": .number(proxyID),
      "sid": .number(serverID), "type": .number(kind.rawValue), "-": .string("-"),
    ]
  }

  /// All rows: listeners first, then each pool's backends and the pool itself.
  static func all(of snapshot: Snapshot, rates: RateWindow) -> [StatRow] {
    var rows: [StatRow] = []
    for index in snapshot.listeners.indices { rows.append(.listener(index, of: snapshot, rates)) }
    for index in snapshot.pools.indices {
      for number in snapshot.pools[index].backends.indices {
        rows.append(.backend(number, pool: index, of: snapshot, rates))
      }
      rows.append(.pool(index, of: snapshot, rates))
    }
    return rows
  }

  var csv: String {
    StatColumn.all.reduce(into: "") { $0 += (values[$1.name].map { Self.csvField($0.text) } ?? "") + "," }
  }

  private var figures: [Figure] {
    StatColumn.all.enumerated().compactMap { position, column in
      // The column that only separates is no figure.
      guard column.name != "-", let value = values[column.name] else { return nil }
      return Figure(position: position, name: column.name, tags: column.tags, value: value)
    }
  }

  /// `<kind>.<iid>.<sid>.` before each figure.
  var typedLines: [String] {
    let letter = ["F", "B", "S"][kind.rawValue]
    return figures.map { "\(letter).\(proxyID).\(serverID).\($0.typed)" }
  }

  var json: String {
    var key = JSONObject()
    key.add("objType", ["Frontend", "Backend", "Server"][kind.rawValue])
    key.add("proxyId", proxyID)
    key.add("id", serverID)
    return "[" + figures.map { $0.json(after: key) }.joined(separator: ",") + "]"
  }

  /// RFC 4180: quoted where a comma or a quote would mislead.
  private static func csvField(_ text: String) -> String {
    guard text.contains(where: { $0 == "," || $0 == "\"" }) else { return text }
    return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
      + "\""
  }
}
