/// Which certificates serve which server name: for each name one of each kind of key, so that a client gets
/// what it can verify.
struct CertificateGroups {
  /// For clients without a name that we know: the configuration's first certificate, and those of other kinds
  /// that share its first name.
  let standard: [LoadedCertificate]
  let byName: [String: [LoadedCertificate]]

  /// - Parameter certificates: at least one, in the configuration's order, which decides between equals.
  init(_ certificates: [LoadedCertificate]) {
    var exact: [String: [LoadedCertificate]] = [:]
    for certificate in certificates {
      for name in certificate.names { exact[name, default: []].append(certificate) }
    }
    var byName: [String: [LoadedCertificate]] = [:]
    for (name, holders) in exact {
      // A wildcard's certificate adds the kind that the exact name's lack.
      byName[name] = Self.onePerKeyType(holders + (exact[Self.wildcard(over: name)] ?? []))
    }
    self.byName = byName
    let first = certificates[0]
    standard = Self.onePerKeyType([first] + (first.names.first.flatMap { byName[$0] } ?? []))
  }

  private static func onePerKeyType(_ certificates: [LoadedCertificate]) -> [LoadedCertificate] {
    var seen = Set<Int32>()
    return certificates.filter { seen.insert($0.keyType).inserted }
  }

  /// `*.example.com` for `www.example.com`; empty, which is nobody's name, where there is none.
  private static func wildcard(over name: String) -> String {
    guard !name.hasPrefix("*."), let dot = name.firstIndex(of: ".") else { return "" }
    return "*" + name[dot...]
  }
}
