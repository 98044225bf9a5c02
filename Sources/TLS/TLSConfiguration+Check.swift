internal import COpenSSL
internal import Glibc

/// Something to be seen to that keeps nobody from serving.
public struct TLSWarning: Sendable, Equatable, CustomStringConvertible {
  public var subject: TLSError.Subject
  /// One line that names the file.
  public var description: String
}

extension TLSConfiguration {
  /// A certificate that expires sooner than this is warned about: two weeks.
  static let expiryNotice = Duration.seconds(14 * 86400)

  /// Loads everything without serving.
  /// - Returns: each problem found, one at most for a certificate; empty when it can be served.
  public func problems() -> [TLSError] {
    do {
      let library = try TLSLibrary()
      var problems: [TLSError] = []
      for (index, certificate) in certificates.enumerated() {
        do {
          _ = try LoadedCertificate(certificate, index: index, library: library)
        } catch {
          problems.append(error)
        }
      }
      do { try checkTickets() } catch { problems.append(error) }
      if problems.isEmpty { _ = try TLSContext(self, library: library, ticketKeys: nil) }
      return problems
    } catch {
      return [error]
    }
  }

  private func checkTickets() throws(TLSError) {
    switch tickets {
    case .random: break
    case .files(let files): _ = try TicketKeys(files: files)
    case .fleetSecret(let source): _ = try FleetSecret(source)
    }
  }

  /// Certificates and staples that have expired or soon will, and secrets that everybody can read. What can't
  /// be loaded is left out; `problems` has it.
  public func warnings(now: WallTime) -> [TLSWarning] {
    guard let library = try? TLSLibrary() else { return [] }
    let loaded = certificates.enumerated().compactMap { index, certificate in
      try? LoadedCertificate(certificate, index: index, library: library)
    }
    return loaded.flatMap { warnings(about: $0, now) } + clientWarnings(now, library)
      + ticketFiles.compactMap(readableByAll)
  }

  private func clientWarnings(_ now: WallTime, _ library: TLSLibrary) -> [TLSWarning] {
    guard let clients = clientCertificates.flatMap({ try? ClientAuthorities($0, library) }) else { return [] }
    return clients.warnings(now).map { TLSWarning(subject: .clientRevocations, description: $0) }
  }

  private func warnings(about certificate: LoadedCertificate, _ now: WallTime) -> [TLSWarning] {
    let (source, index) = (certificates[certificate.index], certificate.index)
    var texts: [(TLSError.Subject, String)] = []
    if let text = certificate.summary.warning(now) {
      texts.append((.certificate(index), "\(source.certificate.name): \(text)"))
    }
    if let text = certificate.staple?.warning(now), let file = source.staple {
      texts.append((.staple(index), "\(file.name): \(text)"))
    }
    return texts.map { TLSWarning(subject: $0, description: $1) }
  }

  private var ticketFiles: [(Source, TLSError.Subject)] {
    switch tickets {
    case .random: []
    case .files(let files): files.enumerated().map { ($1, .ticketKeys($0)) }
    case .fleetSecret(let source): [(source, .fleetSecret)]
    }
  }

  private func readableByAll(_ source: Source, _ subject: TLSError.Subject) -> TLSWarning? {
    guard case .file(let path) = source else { return nil }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IROTH != 0 else { return nil }
    let mode = String(status.st_mode & 0o777, radix: 8)
    return TLSWarning(
      subject: subject, description: "\(path): everybody can read this secret (its mode is 0\(mode))")
  }
}
