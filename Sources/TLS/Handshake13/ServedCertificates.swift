internal import COpenSSL

/// The certificates that serve some server names, one of each kind of key: for OpenSSL's handshakes, and for ours.
final class ServedCertificates {
  /// An SSL_CTX, freed at the end.
  let context: OpaquePointer
  /// What tickets of our own are bound to.
  let identity: [UInt8]
  /// In the server's order, schemes that some certificate is for. No signer: OpenSSL has to.
  private let ways: [(scheme: UInt16, signer: Signer?)]

  /// - Parameter schemes: in order of preference; empty where no handshake is ours.
  init(
    _ context: OpaquePointer, _ certificates: [LoadedCertificate], schemes: [UInt16], library: TLSLibrary
  ) {
    self.context = context
    identity = sessionIdentity(of: certificates)
    guard !schemes.isEmpty else {
      ways = []
      return
    }
    let messages = certificates.map { CertificateMessage($0) }
    ways = schemes.compactMap { scheme in
      guard let index = certificates.firstIndex(where: { $0.isFor(scheme) }) else { return nil }
      let signer = messages[index].flatMap { Signer(scheme, certificates[index].key, $0, library) }
      return (scheme, signer)
    }
  }

  deinit { SSL_CTX_free(context) }

  /// What a client that verifies these gets; nil where that is for OpenSSL to find out.
  func signer(for offered: NumberList) -> Signer? {
    for way in ways where offered.contains(way.scheme) { return way.signer }
    return nil
  }
}
