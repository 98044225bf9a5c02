internal import Basics
internal import Proxy

/// The log line of an ended connection: one JSON object, the same fields in the same order always, null where
/// there is nothing to say.
enum ConnectionLine {
  /// - Parameter wallOffset: nanoseconds from CLOCK_MONOTONIC to the wall clock.
  static func json(_ record: ConnectionRecord, wallOffset: UInt64) -> String {
    var line = JSONObject()
    let accepted = record.acceptedAt.nanoseconds &+ wallOffset
    line.add("time", Timestamp.rfc3339(accepted &+ record.lifetime.clampedNanoseconds))
    line.add("accepted", Timestamp.rfc3339(accepted))
    addPlaces(of: record, to: &line)
    addTraffic(of: record, to: &line)
    line.add("tls", tls(record.tlsVersion))
    line.add("resumed", record.tlsResumed)
    line.add("status", record.status == 0 ? nil : record.status)
    line.add("refusal", record.refusal?.rawValue)
    line.add("who", "\(record.end.who)")
    line.add("phase", "\(record.end.phase)")
    line.add("cause", "\(record.end.cause)")
    addDurations(of: record, to: &line)
    line.add("worker", record.worker)
    return line.finished()
  }

  private static func addPlaces(of record: ConnectionRecord, to line: inout JSONObject) {
    line.add("client", record.client?.description)
    line.add("listener", record.listener)
    line.add("pool", record.pool)
    line.add("backend", record.backend)
    line.add("backend_address", record.backendAddress?.description)
  }

  private static func addTraffic(of record: ConnectionRecord, to line: inout JSONObject) {
    line.add("bytes_from_client", record.bytesFromClient)
    line.add("bytes_to_client", record.bytesToClient)
    line.add("messages_from_client", record.messagesFromClient)
    line.add("messages_to_client", record.messagesToClient)
    line.add("close_code_from_client", record.closeCodeFromClient)
    line.add("close_code_from_backend", record.closeCodeFromBackend)
  }

  private static func addDurations(of record: ConnectionRecord, to line: inout JSONObject) {
    line.add("waiting_seconds", seconds: record.waiting)
    line.add("handshaking_seconds", seconds: record.handshaking)
    line.add("upgrading_seconds", seconds: record.upgrading)
    line.add("connecting_seconds", seconds: record.connecting)
    line.add("lifetime_seconds", seconds: record.lifetime)
  }

  private static func tls(_ version: ConnectionRecord.TLSVersion) -> String? {
    switch version {
    case .none: nil
    case .tls12: "1.2"
    case .tls13: "1.3"
    }
  }
}
