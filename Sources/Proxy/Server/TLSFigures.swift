internal import Settings
internal import TLS

/// The ticket keys of one source, without their secrets.
public struct TicketKeyList: Sendable, Equatable {
  public struct Key: Sendable, Equatable {
    /// The name that stands openly in each ticket, in lower-case hexadecimal: 32 digits.
    public var name: String
    /// Seconds since 1970: when it was made, its epoch's beginning, or its file's last change.
    public var createdSeconds: Int64
    /// True exactly when new tickets are sealed with it; the others only open older ones.
    public var isEncrypting: Bool
  }

  /// The files or the secret's path, as the configuration has them; empty for keys of the process's making.
  public var files: [String]
  /// Names of the listeners that use them.
  public var listeners: [String]
  public var keys: [Key]
}

/// A certificate that a listener serves.
public struct ServedCertificate: Sendable, Equatable {
  public var listener: String
  /// The file, as the configuration has it.
  public var source: String
  /// DNS names that it is for, lower case.
  public var names: [String]
  /// Such as `RSA 2048` or `ECDSA P-256`.
  public var keyType: String
  /// Seconds since 1970.
  public var notBeforeSeconds: Int64
  public var notAfterSeconds: Int64
}

extension Topology {
  var ticketKeyLists: [TicketKeyList] {
    var lists: [TicketKeyList] = []
    var seen: [TicketKeys] = []
    for listener in listeners {
      guard let keys = listener.ticketKeys, let tls = listener.settings.tls else { continue }
      if let index = seen.firstIndex(where: { $0 === keys }) {
        lists[index].listeners.append(listener.settings.name)
        continue
      }
      seen.append(keys)
      let files = tls.tickets.fleetSecret.map { [$0.text] } ?? tls.tickets.keys.map(\.text)
      lists.append(
        TicketKeyList(
          files: files, listeners: [listener.settings.name], keys: keys.summaries.map(TicketKeyList.Key.init))
      )
    }
    return lists
  }

  /// In the order of `ticketKeyLists`.
  var distinctTicketKeys: [TicketKeys] {
    listeners.compactMap(\.ticketKeys).reduce(into: []) { seen, keys in
      if !seen.contains(where: { $0 === keys }) { seen.append(keys) }
    }
  }

  var servedCertificates: [ServedCertificate] {
    listeners.flatMap { listener in
      listener.certificates.map { ServedCertificate(listener.settings.name, $0) }
    }
  }
}

extension TicketKeyList.Key {
  fileprivate init(_ key: TicketKeySummary) {
    self.init(name: key.name, createdSeconds: key.created.seconds, isEncrypting: key.state == .encrypting)
  }
}

extension ServedCertificate {
  fileprivate init(_ listener: String, _ certificate: CertificateSummary) {
    self.init(
      listener: listener, source: certificate.source, names: certificate.names, keyType: certificate.keyType,
      notBeforeSeconds: certificate.notBefore.seconds, notAfterSeconds: certificate.notAfter.seconds)
  }
}
