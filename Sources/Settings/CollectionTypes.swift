internal import Yams

extension ValueType {
  /// A mapping that a table of keys reads.
  /// - Parameters:
  ///   - noun: what it describes: "a listener".
  ///   - make: the value with all defaults, for a mapping that begins there.
  ///   - finish: judges keys against each other and fills in what depends on others.
  static func mapping(
    _ noun: String, _ keys: @escaping @autoclosure () -> [Key<Value>],
    make: @escaping (SourceLocation) -> Value,
    finish: @escaping (inout Value, MappingReader) -> Void = { _, _ in }
  ) -> Self {
    let names = keys().prefix(2).map(\.name).joined(separator: " and ")
    let expected = "a mapping with keys such as \(names)"
    return Self(
      expected: expected, show: { _ in "set" },
      read: { node, reading in
        guard var reader = MappingReader(node, expected: expected, reading: reading) else { return nil }
        var value = make(node.location)
        reader.read(keys(), into: &value, noun: noun)
        finish(&value, reader)
        return value
      },
      compare: { old, new, place in keys().flatMap { $0.compare(old, new, place) } })
  }

  /// A list with any number of elements.
  static func list<Element>(of type: ValueType<Element>) -> Self where Value == [Element] {
    let expected = "a list"
    return Self(
      expected: expected, show: { "[" + $0.map(type.show).joined(separator: ", ") + "]" },
      read: { node, reading in
        if node.isNothing { return [] }
        guard case .sequence(let nodes) = node else {
          reading.report(node.location, "expected \(expected), got \(node.summary)")
          return nil
        }
        // A wrong element was reported; the others are read on, so that all problems show at once.
        return nodes.compactMap { element in
          reading.spendValue(at: element.location) ? type.read(element, reading) : nil
        }
      })
  }

  /// A list with at least one element.
  static func nonemptyList<Element>(of type: ValueType<Element>) -> Self where Value == [Element] {
    var list = list(of: type)
    let read = list.read
    list.read = { node, reading in
      guard let elements = read(node, reading) else { return nil }
      if node.isNothing || node.sequence?.isEmpty == true {
        reading.report(
          node.location, "expected at least one element, got \(node.isNothing ? "nothing" : "none")")
        return nil
      }
      return elements
    }
    return list
  }

  /// One element, or a list with at least one.
  static func oneOrMore<Element>(_ type: ValueType<Element>) -> Self where Value == [Element] {
    var list = nonemptyList(of: type)
    let read = list.read
    list.read = { node, reading in
      guard case .scalar = node, !node.isNothing else { return read(node, reading) }
      return type.read(node, reading).map { [$0] }
    }
    return list
  }

  /// The list's differences are named as a whole, for elements that no name tells apart.
  func comparedAsWhole() -> Self {
    var type = self
    type.compare = { old, new, place in old == new ? [] : [place.sentence("changed")] }
    return type
  }

  /// The elements have names, all different, which are also how two versions of the list are compared.
  func named<Element>(
    _ noun: String, by name: @escaping (Element) -> String, element type: ValueType<Element>
  ) -> Self where Value == [Element] {
    var list = self
    list.read = { node, reading in
      guard let elements = read(node, reading) else { return nil }
      reportSameNames(elements.map(name), node, noun, reading)
      return elements
    }
    list.compare = { old, new, place in
      compareNamed(old, new, place) {
        ($0.thing(noun, name($1)), name($1))
      } each: {
        type.compare($0, $1, $2)
      }
    }
    return list
  }
}

/// Only where every element could be read is it known which name belongs to which node.
private func reportSameNames(_ names: [String], _ list: Node, _ noun: String, _ reading: Reading) {
  guard let nodes = list.sequence, nodes.count == names.count else { return }
  var lines: [String: Int] = [:]
  for (name, node) in zip(names, nodes) where !name.isEmpty {
    let location = node.mapping?.first { $0.key.scalar?.string == "name" }?.value.location ?? node.location
    if let line = lines[name] {
      reading.report(location, "another \(noun) is named \(quoted(name)) already, in line \(line)")
    } else {
      lines[name] = location.line
    }
  }
}

private func compareNamed<Element: Equatable>(
  _ old: [Element], _ new: [Element], _ place: Place,
  identify: (Place, Element) -> (place: Place, name: String),
  each: (Element, Element, Place) -> [String]
) -> [String] {
  var sentences: [String] = []
  let oldByName = Dictionary(old.map { (identify(place, $0).name, $0) }) { first, _ in first }
  let newNames = Set(new.map { identify(place, $0).name })
  for element in old {
    let (subject, name) = identify(place, element)
    if !newNames.contains(name) { sentences.append(subject.sentence("is removed")) }
  }
  for element in new {
    let (subject, name) = identify(place, element)
    if let before = oldByName[name] {
      sentences += each(before, element, subject)
    } else {
      sentences.append(subject.sentence("is added"))
    }
  }
  if sentences.isEmpty, old != new { sentences.append(place.sentence("are in another order")) }
  return sentences
}
