internal import Yams

/// When a changed value is obeyed.
enum Effect {
  case reload, restart
  /// A lower value at once; a higher one than the start made room for, after a restart.
  case restartToGrow
}

/// A key of a mapping: its name, where its value stands in the model (the default is what stands there
/// before), how it is read, and when a change of it takes effect. A table of these is all that a part of
/// the file needs: reading, the known keys, and the difference of two files come from it.
struct Key<Root> {
  let name: String
  /// True exactly when a mapping without the key is wrong.
  let isRequired: Bool
  /// False when the value is wrong; has reported it then.
  let read: (Node, Reading, inout Root) -> Bool
  let compare: (Root, Root, Place) -> [String]

  init<Value>(
    _ name: String, _ path: WritableKeyPath<Root, Value>, _ type: ValueType<Value>,
    required: Bool = false, effect: Effect = .reload
  ) {
    self.name = name
    isRequired = required
    read = { node, reading, root in
      guard let value = type.read(node, reading) else { return false }
      root[keyPath: path] = value
      return true
    }
    compare = { old, new, place in
      type.compare(old[keyPath: path], new[keyPath: path], place.key(name, effect))
    }
  }

  /// A value that may be missing.
  /// - Parameter none: the word that says so in the file; nil when leaving the key out is the only way.
  init<Value>(
    _ name: String, optional path: WritableKeyPath<Root, Value?>, _ type: ValueType<Value>,
    none: String? = nil, effect: Effect = .reload
  ) {
    self.init(name, path, type.optional(none: none), effect: effect)
  }
}

extension ValueType {
  func optional(none: String?) -> ValueType<Value?> {
    ValueType<Value?>(
      expected: none.map { "\(expected) or \($0)" } ?? expected,
      show: { $0.map(show) ?? none ?? "not set" },
      read: { node, reading in
        if let none, case .scalar(let scalar) = node, scalar.string == none { return .some(nil) }
        return read(node, reading).map { .some($0) }
      },
      compare: { old, new, place in
        switch (old, new) {
        case (nil, nil): []
        case (let old?, let new?): compare(old, new, place)
        case (nil, let new?): [place.sentence("is now \(show(new)), was \(none ?? "not set")")]
        case (let old?, nil): [place.sentence("is now \(none ?? "not set"), was \(show(old))")]
        }
      })
  }
}

/// Where in the settings a difference is, in words: `limits.connections`, `pool "chat": balance`.
struct Place {
  private var text = ""
  private var effect = ""

  init() {}

  func key(_ name: String, _ effect: Effect) -> Place {
    var place = self
    place.text += text.isEmpty || text.hasSuffix(" ") ? name : "." + name
    switch effect {
    case .reload: break
    case .restart: place.effect = "; this takes effect after a restart"
    case .restartToGrow: place.effect = "; more than at the start there is room for only after a restart"
    }
    return place
  }

  /// A named thing is the subject of the sentence, in place of the key of the list that holds it.
  func thing(_ noun: String, _ name: String) -> Place {
    var place = self
    let subject = text.lastIndex(of: " ").map { String(text[...$0]) } ?? ""
    place.text = subject + "\(noun) \(quoted(name)): "
    return place
  }

  func sentence(_ predicate: String) -> String {
    let subject = text.hasSuffix(": ") ? String(text.dropLast(2)) : text
    return "\(subject) \(predicate)\(effect)"
  }
}
