internal import Proxy
internal import Settings

extension Command {
  /// HAProxy's command, but for the secrets: who needs those has the file.
  static let showTLSKeys = Command(
    "show tls-keys", arguments: "[<id>|<file>|*]",
    help: "list the sources of ticket keys, or the keys of one or of all by their names"
  ) { _, arguments, context in
    let lists = context.proxy.ticketKeys()
    guard let wanted = arguments.first else {
      return .output(TicketKeyTable.sources(lists))
    }
    if wanted == "*" { return .output(TicketKeyTable.keys(lists, of: lists.indices)) }
    guard let place = TicketKeyTable.place(of: wanted, in: lists) else {
      return .failure("No ticket keys of that id or file.")
    }
    return .output(TicketKeyTable.keys(lists, of: place..<place + 1))
  }

  /// Until the next reload, which reads the file again.
  static let setTLSKey = Command(
    "set ssl tls-key", arguments: "<id>|<file> <key>",
    help: "add a ticket key in base64; the one before it seals from now on", level: .admin
  ) { _, arguments, context in
    let arguments = Array(arguments)
    guard arguments.count == 2 else { return .failure("Expects an id or a file, and a key in base64.") }
    guard let place = TicketKeyTable.place(of: arguments[0], in: context.proxy.ticketKeys()) else {
      return .failure("No ticket keys of that id or file.")
    }
    do throws(ProxyError) {
      try context.proxy.addTicketKey(arguments[1], toList: place)
      return .message(.info, "The ticket key is added.")
    } catch {
      return .failure(error.message)
    }
  }
}

/// Lists of ticket keys as `show tls-keys` has them.
enum TicketKeyTable {
  static func sources(_ lists: [TicketKeyList]) -> String {
    lists.enumerated().reduce(into: "# id (file)\n") { $0 += "\($1.offset) (\(name($1.element)))\n" }
  }

  /// Each list begins with a line that says whose keys these are.
  static func keys(_ lists: [TicketKeyList], of places: Range<Int>) -> String {
    var text = "# id name created_seconds state\n"
    for place in places {
      text += "# \(place) (\(name(lists[place])))\n"
      for (number, key) in lists[place].keys.enumerated() {
        let state = key.isEncrypting ? "encrypting" : "decrypting"
        text += "\(place).\(number) \(key.name) \(key.createdSeconds) \(state)\n"
      }
    }
    return text
  }

  /// By its id, with `#` in front or not, or by its file.
  static func place(of text: String, in lists: [TicketKeyList]) -> Int? {
    if let place = lists.firstIndex(where: { $0.files.contains(text) }) { return place }
    let digits = text.hasPrefix("#") ? text.dropFirst() : text[...]
    return CommandArgument.digits(digits).flatMap { lists.indices.contains($0) ? $0 : nil }
  }

  private static func name(_ list: TicketKeyList) -> String {
    list.files.isEmpty ? "random" : list.files.joined(separator: " ")
  }
}
