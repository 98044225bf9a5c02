internal import Proxy

/// A client's own story held against the record that the worker wrote of its connection.
struct RecordCheck {
  var client: SimulatedClient
  var records: [ConnectionRecord]

  /// What doesn't fit; empty when all does.
  /// - Parameter isWebSocket: False where the worker relays bytes without looking at them.
  func faults(isWebSocket: Bool) -> [String] {
    // A backend that misbehaves may have had the last word.
    guard !client.isExcused else { return [] }
    switch client.outcome {
    case .completed where client.plan.kind == .webSocket: return served(isWebSocket ? orderly : finished)
    case .completed where client.plan.kind == .plainHTTP: return served(isWebSocket ? answered : finished)
    case .refused(let status) where status != 0 && isWebSocket: return served { $0.status == UInt16(status) }
    case .misbehaved where client.hasReset && client.wasExchanging:
      // It hadn't said goodbye: whatever the kernel made of the reset, that was no orderly end.
      return served { $0.end.phase != .relaying || $0.end.cause != .finished }
    case .completed, .refused, .held, .cut, .misbehaved, .underWay: return []
    }
  }

  private func served(_ fits: (ConnectionRecord) -> Bool) -> [String] {
    // A reset client's address can't be had any more.
    if client.hasReset && records.isEmpty { return [] }
    guard records.count == 1 else { return ["\(records.count) records of \(client.description)"] }
    return fits(records[0]) ? [] : ["the record doesn't fit \(client.description): \(records[0])"]
  }

  private func finished(_ record: ConnectionRecord) -> Bool {
    record.end.cause == .finished && record.end.phase == .relaying && record.backend != nil
  }

  private func answered(_ record: ConnectionRecord) -> Bool { finished(record) && record.status == 200 }

  private func orderly(_ record: ConnectionRecord) -> Bool {
    let messages = UInt64(client.messagesSent)
    return finished(record) && record.status == 101 && record.refusal == nil
      && record.messagesFromClient == messages && record.messagesToClient == messages
      && record.closeCodeFromClient == 1000 && record.closeCodeFromBackend == 1000
  }
}
