internal import Basics
internal import Policy
internal import Proxy
internal import Settings

/// What the clients of a storm tell, held against the records and the counters: everybody refused got a whole
/// refusal of the kind that was due, and the books agree on why.
struct StormCheck {
  var settings: Settings
  var world: SimulatedWorld
  var slots: [Endpoint: MonotonicTime]
  var heldSince: [Endpoint: MonotonicTime]
  /// True exactly when something has run out, which may cost any client its connection.
  var hasRunDry: Bool

  // MARK: The books

  func faults(_ records: [ConnectionRecord], _ admission: AdmissionSnapshot) -> [String] {
    var faults: [String] = []
    for refusal in AdmissionSnapshot.Refusal.allCases
    where refusal != .processLimit && refusal != .listenerLimit {
      let recorded = records.count { $0.refusal == refusal }
      if admission[refusal] != UInt64(recorded) {
        faults.append("\(admission[refusal]) counted as \(refusal.rawValue), \(recorded) recorded")
      }
    }
    let held = records.count { $0.end.phase == .holding }
    if admission.refusedHeld < UInt64(held) { faults.append("\(held) recorded as held, not all counted") }
    for record in records where record.refusal != nil {
      // A client may spoil its refusal, but isn't served after it.
      if [.connecting, .relaying].contains(record.end.phase) || record.backend != nil {
        faults.append("refused and served: \(record)")
      }
    }
    return faults
  }

  // MARK: One client

  func faults(of client: SimulatedClient, _ records: [ConnectionRecord]) -> [String] {
    guard client.plan.misbehaviour == nil, !client.isExcused, client.plan.kind != .garbage else { return [] }
    guard records.count <= 1 else { return ["\(records.count) records of \(client.description)"] }
    guard let wrong = fault(of: client, records.first) else { return [] }
    return ["\(wrong): \(client.description), \(records.first.map { "\($0)" } ?? "without a record")"]
  }

  private func fault(of client: SimulatedClient, _ record: ConnectionRecord?) -> String? {
    let isDue = !client.isDenied && !client.hasBrokenHeader
    switch client.outcome {
    case .completed: return isDue ? nil : "served against the rules"
    case .held(let code): return isDue ? heldFault(client, code, record) : "held against the rules"
    case .refused(status: 0): return wordlessFault(client, record)
    case .refused(let status): return isDue ? saidFault(client, status, record) : "answered against the rules"
    case .cut, .misbehaved, .underWay: return nil
    }
  }

  private func saidFault(_ client: SimulatedClient, _ status: Int, _ record: ConnectionRecord?) -> String? {
    guard let record, record.refusal != nil else {
      return hasRunDry || world.connectFaults > 0 ? nil : "answered \(status) for no limit"
    }
    guard isFromRoom(record), record.end.phase == .upgrading, record.end.who == .proxy, status == 503,
      settings.refusal.readable != .none
    else { return "the record doesn't fit a 503" }
    if settings.refusal.readable == .hold1013, client.plan.kind == .webSocket, !world.storm!.mayFillHold {
      return "a 503 where it should have been held"
    }
    return client.unavailableFault(atMost: settings.refusal.hold.atMost)
  }

  /// Reset or closed without a word.
  private func wordlessFault(_ client: SimulatedClient, _ record: ConnectionRecord?) -> String? {
    guard let record else {
      // At a limit of connections there is no slot, and so no record.
      return hasRunDry || world.storm!.limitsConnections ? nil : "refused without a record"
    }
    if client.isDenied && !client.hasBrokenHeader && record.refusal != .denied {
      return "not refused as denied"
    }
    if client.hasBrokenHeader && record.refusal != .proxyHeader { return "not refused for its PROXY header" }
    if record.refusal == nil { return mayFail(record) ? nil : "refused for no limit" }
    guard record.end.cause == .limited, record.end.who == .proxy, record.status == 0,
      [.accepting, .waiting].contains(record.end.phase)
    else { return hasRunDry ? nil : "the record doesn't fit a refusal ahead of TLS" }
    let isReadable = settings.refusal.readable != .none && world.storm!.work == nil
    return isReadable && isFromRoom(record) ? "refused without a word" : nil
  }

  /// Clients go unserved for other reasons where the world has such.
  private func mayFail(_ record: ConnectionRecord) -> Bool {
    hasRunDry || world.connectFaults > 0 || (world.faults.timeJumps > 0 && record.end.cause == .deadline)
  }

  private func heldFault(_ client: SimulatedClient, _ code: UInt16, _ record: ConnectionRecord?) -> String? {
    guard let record, isFromRoom(record), record.end.phase == .holding, record.status == 101,
      settings.refusal.readable == .hold1013
    else { return "the record doesn't fit a held client" }
    if code == 1000 {
      let isOwn = client.plan.heldConduct == .closing && record.end.who == .client
      return isOwn && record.closeCodeFromClient == 1000 ? nil : "its goodbye wasn't its own"
    }
    guard code == 1013, record.end.who == .proxy else { return "held and let go with \(code)" }
    guard client.plan.heldConduct != .flooding else { return nil }
    guard let slot = slots[client.address] else { return "held without a slot" }
    guard let since = heldSince[client.address], client.held!.closedAt.since(since) >= HoldRoom.shortest
    else { return "let go at once" }
    return client.held!.closedAt < slot ? "let go before its slot" : nil
  }

  private func isFromRoom(_ record: ConnectionRecord) -> Bool {
    let isOfRoom = [.roomFull, .tooLong, .patienceOver].contains(record.refusal)
    return isOfRoom && record.end.cause == .limited
  }
}
