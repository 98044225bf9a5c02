internal import Logging
internal import Settings
internal import Synchronization

extension Supervisor {
  /// Puts other settings in force: first everything that can fail, each step undone when a later one fails,
  /// then what can't.
  func apply(_ old: Settings, _ new: Settings) throws {
    let file = try openConnectionLog(old, new)
    let socket = try openOtherStatsSocket(old, new)
    do {
      try proxy.apply(new)
    } catch {
      socket?.close()
      throw error
    }
    log.setLevel(new.log.level)
    if old.log.connections != new.log.connections {
      connectionLog.use(file)
    } else {
      // A file that somebody renamed is begun anew.
      connectionLog.reopen()
    }
    replaceStatsSocket(by: socket, new)
  }

  private func openConnectionLog(_ old: Settings, _ new: Settings) throws(ControlError) -> LogFile? {
    guard old.log.connections != new.log.connections else { return nil }
    return try ConnectionLog.open(new.log.connections)
  }

  /// The stats socket at its new path; nil where the path is the same or there is to be none.
  private func openOtherStatsSocket(_ old: Settings, _ new: Settings) throws(ControlError) -> StatsSocket? {
    guard let settings = new.admin.statsSocket, settings.path != old.admin.statsSocket?.path else {
      return nil
    }
    return try openStatsSocket(settings)
  }

  private func replaceStatsSocket(by socket: StatsSocket?, _ new: Settings) {
    let former = statsSocket.withLock { current in
      let former = current
      if socket != nil || new.admin.statsSocket == nil { current = socket }
      return former
    }
    guard socket == nil, let settings = new.admin.statsSocket else {
      former?.close()
      return
    }
    do {
      try former?.apply(settings)
    } catch {
      logger.warning("\(error)")
    }
  }
}
