internal import Basics
internal import Glibc
internal import Settings
internal import TLS

/// What TLS needs across reloads: a library per worker, and the ticket keys of the process's own making.
final class TLSMaterial: Sendable {
  nonisolated(unsafe) let libraries: [TLSLibrary]
  /// For all listeners without files of keys and without a fleet secret.
  private let randomKeys: TicketKeys

  var workers: Int { libraries.count }

  init(_ settings: Settings, workers: Int, now: MonotonicTime) throws(ProxyError) {
    do throws(TLSError) {
      var libraries: [TLSLibrary] = []
      for _ in 0..<workers { libraries.append(try TLSLibrary()) }
      self.libraries = libraries
      randomKeys = try TicketKeys(
        lifetime: Self.ticketLifetime(settings), now: now, wallTime: .current())
    } catch {
      throw ProxyError(error.description)
    }
  }

  /// The longest that any listener gives its tickets.
  private static func ticketLifetime(_ settings: Settings) -> Duration {
    settings.listeners.compactMap { $0.tls?.tickets.lifetime }.max() ?? Settings.TLS.Tickets().lifetime
  }

  /// All listeners' contexts, for each listener one per worker; nils on a plain listener. Files are read
  /// anew.
  func contexts(_ settings: Settings) throws(ProxyError) -> [[TLSContext?]] {
    var contexts: [[TLSContext?]] = []
    var keys: [(of: Settings.TLS.Tickets, keys: TicketKeys)] = []
    for listener in settings.listeners {
      guard let tls = listener.tls else {
        contexts.append(libraries.map { _ in nil })
        continue
      }
      do throws(TLSError) {
        let configuration = TLSConfiguration(tls, listener.mode)
        if !keys.contains(where: { $0.of == tls.tickets }) {
          keys.append((tls.tickets, try makeTicketKeys(configuration)))
        }
        let ticketKeys = keys.first { $0.of == tls.tickets }?.keys
        var ofListener: [TLSContext?] = []
        for library in libraries {
          ofListener.append(try TLSContext(configuration, library: library, ticketKeys: ticketKeys))
        }
        contexts.append(ofListener)
      } catch {
        throw ProxyError(error, tls)
      }
    }
    return contexts
  }

  /// Those of files hold what the files hold now; derived ones follow from the time alone; so nothing of
  /// either has to be carried over from before a reload.
  private func makeTicketKeys(_ configuration: TLSConfiguration) throws(TLSError) -> TicketKeys {
    switch configuration.tickets {
    case .random: randomKeys
    case .files(let files): try TicketKeys(files: files)
    case .fleetSecret(let source):
      try TicketKeys(fleetSecret: source, lifetime: configuration.ticketLifetime, wallTime: .current())
    }
  }

  /// To be called once these settings are in force.
  func adopt(_ settings: Settings) { randomKeys.setLifetime(Self.ticketLifetime(settings)) }

  /// Lets the keys of the process and of these listeners go on with the time.
  func rotateTicketKeys(of listeners: [ListenerState], now: MonotonicTime) {
    let wallTime = WallTime.current()
    randomKeys.rotate(now: now, wallTime: wallTime)
    for listener in listeners { listener.ticketKeys?.rotate(now: now, wallTime: wallTime) }
  }
}

extension ListenerState {
  /// Nil on a plain listener. All workers' contexts have the same.
  var ticketKeys: TicketKeys? { contexts.first.flatMap { $0?.ticketKeys } }

  /// Empty on a plain listener.
  var certificates: [CertificateSummary] { contexts.first.flatMap { $0?.certificateSummaries } ?? [] }
}

extension WallTime {
  static func current() -> WallTime { WallTime(seconds: Int64(time(nil))) }
}
