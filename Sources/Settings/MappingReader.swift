internal import Yams

/// The entries of one mapping while its keys are read.
struct MappingReader {
  private struct Entry {
    var key: SourceLocation
    var value: Node
  }

  /// Where the mapping begins.
  let location: SourceLocation
  private let reading: Reading
  private var entries: [String: Entry] = [:]
  private var failed: Set<String> = []

  /// Nil when the node is no mapping; has reported it then. Nothing is an empty mapping, so that all keys of
  /// a section can be commented out.
  init?(_ node: Node, expected: String, reading: Reading) {
    location = node.location
    self.reading = reading
    if case .mapping(let mapping) = node {
      add(mapping)
    } else if !node.isNothing {
      reading.report(location, "expected \(expected), got \(node.summary)")
      return nil
    }
  }

  private mutating func add(_ mapping: Node.Mapping) {
    for (key, value) in mapping {
      guard reading.spendValue(at: key.location) else { return }
      guard case .scalar(let scalar) = key else {
        reading.report(key.location, "expected a key, got \(key.summary)")
        continue
      }
      let name = reading.renamedKeys[scalar.string] ?? scalar.string
      if name != "<<" { add(name, Entry(key: key.location, value: value)) }
    }
    // What is merged stands behind what is written, wherever the `<<` is.
    for (key, value) in mapping where key.scalar?.string == "<<" { merge(value) }
  }

  private mutating func add(_ name: String, _ entry: Entry) {
    guard let first = entries[name] else { return entries[name] = entry }
    reading.report(entry.key, "duplicate key \(quoted(name)); the first is in line \(first.key.line)")
  }

  /// `<<: *defaults` (YAML 1.1's merge key): entries of other mappings where ours has none.
  private mutating func merge(_ node: Node) {
    let mappings = node.sequence.map { Array($0) } ?? [node]
    for mapping in mappings {
      guard reading.spendValue(at: mapping.location),
        let other = MappingReader(mapping, expected: "a mapping to merge", reading: reading)
      else { continue }
      entries.merge(other.entries) { ours, _ in ours }
    }
  }

  /// Reads what a table of keys knows, and reports what it doesn't.
  mutating func read<Root>(_ keys: [Key<Root>], into root: inout Root, noun: String) {
    for key in keys {
      if let entry = entries[key.name] {
        if !key.read(entry.value, reading, &root) { failed.insert(key.name) }
      } else if key.isRequired {
        reading.report(location, "\(noun) needs the key \(quoted(key.name))")
        failed.insert(key.name)
      }
    }
    reportUnknown(known: keys.map(\.name))
  }

  private func reportUnknown(known: [String]) {
    for (name, entry) in entries where !known.contains(name) {
      let hint = suggestion(for: name, among: known) ?? "; known here: " + known.joined(separator: ", ")
      reading.report(entry.key, "unknown key \(quoted(name))\(hint)")
    }
  }

  /// Where the key's value stands; the mapping's beginning when it has none.
  func location(of key: String) -> SourceLocation { entries[key]?.value.location ?? location }

  /// True exactly when nothing is wrong with the key's value (or with there being none), so that it makes
  /// sense to hold it against others.
  func isSound(_ key: String) -> Bool { !failed.contains(key) }

  func report(_ key: String, _ message: String) { reading.report(location(of: key), message) }
}
