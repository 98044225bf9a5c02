internal import Basics
public import Settings
internal import TLS

/// What TLS needs across reloads: a library per worker, and the ticket keys.
final class TLSMaterial: Sendable {
  nonisolated(unsafe) let libraries: [TLSLibrary]
  let ticketKeys: TicketKeys?

  var workers: Int { libraries.count }

  init(_ settings: Settings, workers: Int, now: MonotonicTime) throws(ProxyError) {
    do throws(TLSError) {
      var libraries: [TLSLibrary] = []
      for _ in 0..<workers { libraries.append(try TLSLibrary()) }
      self.libraries = libraries
      ticketKeys = try TicketKeys(lifetime: Self.ticketLifetime(settings), now: now)
    } catch {
      throw ProxyError(error.description)
    }
  }

  /// The longest that any listener gives its tickets.
  static func ticketLifetime(_ settings: Settings) -> Duration {
    settings.listeners.compactMap { $0.tls?.ticketLifetime }.max()
      ?? Settings.TLS(certificates: []).ticketLifetime
  }

  /// A listener's contexts, one per worker; nils on a plain listener.
  func contexts(_ listener: Settings.Listener) throws(ProxyError) -> [TLSContext?] {
    guard let tls = listener.tls else { return libraries.map { _ in nil } }
    var contexts: [TLSContext?] = []
    for library in libraries {
      do throws(TLSError) {
        contexts.append(
          try TLSContext(configuration(tls, listener.mode), library: library, ticketKeys: ticketKeys))
      } catch {
        throw located(error, tls)
      }
    }
    return contexts
  }
}

private func configuration(_ tls: Settings.TLS, _ mode: Settings.Listener.Mode) -> TLSConfiguration {
  var configuration = TLSConfiguration(
    certificates: tls.certificates.map { .init(certificate: .file($0.certificate), key: .file($0.key)) })
  configuration.minimumVersion = tls.minimumVersion == .tls13 ? .tls13 : .tls12
  configuration.ticketLifetime = tls.ticketLifetime
  configuration.recordLayer = tls.recordLayer == .openssl ? .openssl : .tidegate
  // Any protocol may go through `mode: tcp`; which one is between client and backend.
  if mode == .tcp { configuration.applicationProtocols = [] }
  return configuration
}

private func located(_ error: TLSError, _ tls: Settings.TLS) -> ProxyError {
  ProxyError(error.description, at: error.certificateIndex.map { tls.certificates[$0].location })
}

/// Loads what settings refer to without serving: for `tidegate check`.
/// - Returns: each problem found.
public func verify(_ settings: Settings) -> [ProxyError] {
  settings.listeners.flatMap { listener in
    guard let tls = listener.tls else { return [ProxyError]() }
    return configuration(tls, listener.mode).problems().map { located($0, tls) }
  }
}
