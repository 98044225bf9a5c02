extension Command {
  static let showInfo = Command(
    "show info", arguments: "[desc|json|typed]*", help: "report information about the running process"
  ) { _, arguments, context in
    .output(InfoField.report(InfoField.all, InfoSource(context), arguments))
  }
}

extension InfoField {
  /// The fields' figures as lines `name: value`, or in the form that the arguments ask for.
  static func report(
    _ fields: [InfoField], _ source: InfoSource, _ arguments: ArraySlice<String>
  ) -> String {
    let figures = fields.enumerated().compactMap { position, field in
      field.value(source).map {
        (Figure(position: position, name: field.name, tags: field.tags, value: $0), field.description)
      }
    }
    if arguments.contains("json") {
      return "[" + figures.map { $0.0.json() }.joined(separator: ",") + "]"
    }
    let isTyped = arguments.contains("typed")
    let isDescribed = arguments.contains("desc")
    let lines = figures.map { figure, description in
      let line = isTyped ? figure.typed : "\(figure.name): \(figure.value.text)"
      return isDescribed ? "\(line):\"\(description)\"" : line
    }
    return lines.joined(separator: "\n")
  }
}
