/// Which rows of a table are wanted: `data.conn_cur gt 10`, `key 192.0.2.1`; all of several.
struct TableFilter: Sendable, Equatable {
  enum Kind: String, Sendable, CaseIterable {
    case connCur = "conn_cur"
    case connRate = "conn_rate"
  }

  private enum Comparison: String, Sendable {
    case eq, ne, le, ge, lt, gt

    func holds(_ a: Int, _ b: Int) -> Bool {
      switch self {
      case .eq: a == b
      case .ne: a != b
      case .le: a <= b
      case .ge: a >= b
      case .lt: a < b
      case .gt: a > b
      }
    }
  }

  private struct Condition: Sendable, Equatable {
    var kind: Kind
    var comparison: Comparison
    var number: Int
  }

  private var conditions: [Condition] = []
  private var key: String?

  /// - Parameter words: what follows the table's name.
  init(_ words: [String]) throws(ControlError) {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "key" {
        guard let address = rest.popFirst() else { throw ControlError("Expects an address after 'key'.") }
        key = address
      } else if word.hasPrefix("data.") {
        conditions.append(try Self.condition(String(word.dropFirst(5)), &rest))
      } else {
        throw ControlError("Unknown filter: '\(word)'; known are 'key' and 'data.<type>'.")
      }
    }
  }

  private static func condition(
    _ type: String, _ rest: inout ArraySlice<String>
  ) throws(ControlError) -> Condition {
    guard let kind = Kind(rawValue: type) else {
      let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
      throw ControlError("Data type not stored in this table; stored are \(known).")
    }
    guard let comparison = rest.popFirst().flatMap(Comparison.init) else {
      throw ControlError("Expects an operator: eq, ne, le, ge, lt or gt.")
    }
    guard let number = rest.popFirst().flatMap({ CommandArgument.digits($0) }) else {
      throw ControlError("Expects an integer value to compare with.")
    }
    return Condition(kind: kind, comparison: comparison, number: number)
  }

  func takes(key: String, _ figure: (Kind) -> Int) -> Bool {
    (self.key == nil || self.key == key)
      && conditions.allSatisfy { $0.comparison.holds(figure($0.kind), $0.number) }
  }
}
