internal import Policy
internal import Proxy

extension Command {
  static let showLedger = Command(
    "show ledger", arguments: "[desc|json|typed]*",
    help: "report what refused clients were told, and when they came back"
  ) { _, arguments, context in
    .output(InfoField.report(InfoField.ledger, InfoSource(context), arguments))
  }
}

extension InfoField {
  /// What became of those who were told when to come again.
  static let ledger: [InfoField] = [
    .init("Refused", "MCP", "Refusals that told a client when to come again") {
      .large($0.ledger.refused)
    },
    .init("Told_avg_ms", "MaP", "How long they were told to wait, in milliseconds, on average") {
      .large($0.ledger.refused == 0 ? 0 : milliseconds($0.ledger.told) / $0.ledger.refused)
    },
    .init("Told_max_ms", "MMP", "The longest that one was told to wait, in milliseconds") {
      .large(milliseconds($0.ledger.toldMax))
    },
    .init("Returned_early", "MCP", "Came again before their slot") { .large($0.ledger.early) },
    .init("Returned_on_time", "MCP", "Came again in their slot") { .large($0.ledger.onTime) },
    .init("Returned_late", "MCP", "Came again after their slot") { .large($0.ledger.late) },
    .init("Returned_never", "MCP", "Have not come again in all the time that was left to them") {
      .large($0.ledger.never)
    },
    .init("Forgotten", "MCP", "Pushed out of the ledger before it was known") {
      .large($0.ledger.forgotten)
    },
    .init("Pending", "MGP", "Their slot is still to come, or not long ago") { .large($0.ledger.pending) },
    .init("Returning_ratio", "MaP", "Of those whose fate is known, the share that came again") {
      $0.ledger.returning.map { .ratio($0) }
    },
    .init("Return_backlog_ms", "MGP", "How far ahead the next slot would be, in milliseconds") {
      .large(milliseconds($0.snapshot.admission.returnBacklog))
    },
  ]
}
