internal import Basics
internal import Settings

/// What is told of a connection at its end.
extension Worker where Engine: ~Copyable {
  func record(_ c: ConnectionPointer) -> ConnectionRecord {
    var record = ConnectionRecord(
      acceptedAt: c.pointee.acceptedAt, worker: shared.index, listener: c.pointee.listener.settings.name,
      end: c.pointee.end ?? EndReason(who: .proxy, phase: c.pointee.phase, cause: .finished))
    let durations = c.pointee.durations
    record.waiting = .nanoseconds(durations.waiting)
    record.handshaking = .nanoseconds(durations.handshaking)
    record.upgrading = .nanoseconds(durations.upgrading)
    record.connecting = .nanoseconds(durations.connecting)
    record.lifetime = now.since(c.pointee.acceptedAt)
    record.client = c.pointee.address
    record.pool = c.pointee.pool?.settings.name
    record.backend = c.pointee.chosen?.settings.name
    record.backendAddress = c.pointee.chosen?.settings.address
    record.bytesFromClient = c.pointee.bytesFromClient
    record.bytesToClient = c.pointee.bytesToClient
    record.messagesFromClient = c.pointee.messagesFromClient
    record.messagesToClient = c.pointee.messagesToClient
    record.closeCodeFromClient = c.pointee.closeCodeFromClient == 0 ? nil : c.pointee.closeCodeFromClient
    record.closeCodeFromBackend = c.pointee.closeCodeFromBackend == 0 ? nil : c.pointee.closeCodeFromBackend
    record.tlsVersion = c.pointee.tlsVersion
    record.tlsResumed = c.pointee.tlsResumed
    record.status = c.pointee.status
    record.refusal = c.pointee.refusal
    return record
  }
}
