internal import Basics
internal import Logging
internal import Proxy
internal import Settings
internal import Synchronization
internal import Telemetry

/// Writes the notices to the operational log.
final class LimitWatch: Sendable {
  private let notices = Mutex(LimitNotices())
  private let logger: Logger

  init(_ logger: Logger) { self.logger = logger }

  /// To be told of the figures several times a second.
  func look(at snapshot: Snapshot) {
    for notice in notices.withLock({ $0.look(snapshot) }) {
      var metadata: Logger.Metadata = [
        "limit": "\(notice.limit)", "connections": "\(notice.connections)",
        "within_seconds": "\(JSONObject.seconds(notice.within))",
      ]
      if let listener = notice.listener { metadata["listener"] = "\(listener)" }
      logger.warning("connections refused at a limit of live connections", metadata: metadata)
    }
  }
}

/// Tells operators that limits on live connections refuse clients.
///
/// Such a client is refused before anything is known or spent, and leaves no line in the connections' log: at
/// tens of thousands a second the lines would be the storm. Instead a message for each limit says how many there
/// were: at once for the first ones, then in summary for as long as it goes on.
struct LimitNotices {
  struct Notice: Equatable {
    /// The key in the configuration.
    var limit: String
    /// Of a listener's limit; nil for the process's.
    var listener: String?
    var connections: UInt64
    /// Within which they were refused.
    var within: Duration
  }

  /// Between two messages about the same limit.
  static let interval = Duration.seconds(10)

  private struct Told {
    var count: UInt64 = 0
    var at: MonotonicTime?
    var lookedAt: MonotonicTime
  }

  /// By the listener's name; nil is the process's limit.
  private var told: [String?: Told] = [:]

  /// What is to be said of this moment; to be asked several times a second.
  mutating func look(_ snapshot: Snapshot) -> [Notice] {
    var counts: [(listener: String?, refused: UInt64)] = [(nil, snapshot.admission[.processLimit])]
    for listener in snapshot.listeners {
      counts.append((listener.settings.name, listener.counters[.connectionsRefusedAtLimit]))
    }
    return counts.compactMap { notice($0.listener, $0.refused, snapshot) }
  }

  private mutating func notice(_ listener: String?, _ refused: UInt64, _ snapshot: Snapshot) -> Notice? {
    var last = told[listener] ?? Told(lookedAt: snapshot.startedAt)
    defer { told[listener] = last }
    if let at = last.at, snapshot.now.since(at) < Self.interval { return nil }
    // A listener of that name begins anew after a reload that had dropped it.
    let connections = refused >= last.count ? refused - last.count : refused
    let since = last.at ?? last.lookedAt
    last.lookedAt = snapshot.now
    last.count = refused
    last.at = connections > 0 ? snapshot.now : nil
    guard connections > 0 else { return nil }
    return Notice(
      limit: listener == nil ? "limits.connections" : "connections", listener: listener,
      connections: connections, within: snapshot.now.since(since))
  }
}
