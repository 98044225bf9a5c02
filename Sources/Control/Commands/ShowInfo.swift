extension Command {
  static let showInfo = Command(
    "show info", arguments: "[desc|json|typed]*", help: "report information about the running process"
  ) { _, arguments, context in
    let source = InfoSource(context)
    let figures = InfoField.all.enumerated().compactMap { position, field in
      field.value(source).map {
        (Figure(position: position, name: field.name, tags: field.tags, value: $0), field.description)
      }
    }
    if arguments.contains("json") {
      return .output("[" + figures.map { $0.0.json() }.joined(separator: ",") + "]")
    }
    let isTyped = arguments.contains("typed")
    let isDescribed = arguments.contains("desc")
    let lines = figures.map { figure, description in
      let line = isTyped ? figure.typed : "\(figure.name): \(figure.value.text)"
      return isDescribed ? "\(line):\"\(description)\"" : line
    }
    return .output(lines.joined(separator: "\n"))
  }
}
