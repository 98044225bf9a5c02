internal import Basics
public import Settings
internal import TLS

/// What `tidegate run` does without a configuration: a certificate and an echo backend made on the spot,
/// listeners for wss and ws, and lines to try.
public final class Demonstration: Sendable {
  public let settings: Settings
  private let backend: EchoBackend
  private let folder: TemporaryFolder
  private let tlsPort: UInt16
  private let plainPort: UInt16

  /// Nothing listens on the two ports yet, but the backend is there.
  /// - Throws: when one of the ports is taken.
  public init(tlsPort: UInt16, plainPort: UInt16) throws(ControlError) {
    try PortProbe.requireFree(tlsPort, option: "--tls-port")
    try PortProbe.requireFree(plainPort, option: "--port")
    let folder = try TemporaryFolder(prefix: "tidegate")
    self.folder = folder
    self.tlsPort = tlsPort
    self.plainPort = plainPort
    do {
      backend = try EchoBackend()
    } catch {
      folder.remove()
      throw error
    }
    do {
      settings = try Self.settings(folder, backend.address, tlsPort, plainPort)
    } catch {
      backend.close()
      folder.remove()
      throw error
    }
  }

  /// Ends the backend and removes the files. Blocks.
  public func close() {
    backend.close()
    folder.remove()
  }

  private static func settings(
    _ folder: TemporaryFolder, _ backend: Endpoint, _ tlsPort: UInt16, _ plainPort: UInt16
  ) throws(ControlError) -> Settings {
    let pair: SelfSignedCertificate
    do {
      pair = try SelfSignedCertificate.make(names: ["localhost", "127.0.0.1", "::1"])
    } catch {
      throw ControlError("no certificate: \(error)")
    }
    let nowhere = SourceLocation(line: 1, column: 1)
    let certificate = Settings.TLS.Certificate(
      certificate: try folder.write(pair.certificatePEM, to: "certificate.pem"),
      key: try folder.write(pair.keyPEM, to: "certificate.key"), location: nowhere)
    var settings = Settings()
    settings.pools = [
      Settings.Pool(
        name: "echo", location: nowhere, backends: [Settings.Backend(name: "echo", address: backend)])
    ]
    settings.listeners = [
      listener("wss", tlsPort, tls: Settings.TLS(certificates: [certificate])),
      listener("ws", plainPort, tls: nil),
    ]
    settings.admin.statsSocket = Settings.Admin.StatsSocket(path: "\(folder.path)/stats.sock")
    settings.log.connections = "stdout"
    return settings
  }

  private static func listener(_ name: String, _ port: UInt16, tls: Settings.TLS?) -> Settings.Listener {
    let address = Endpoint.ip(IPAddress(ipv4: 0x7f00_0001), port: port)
    var listener = Settings.Listener(
      name: name, location: SourceLocation(line: 1, column: 1), bind: [address])
    listener.tls = tls
    listener.pool = "echo"
    return listener
  }

  /// Lines to try, for people.
  /// - Parameter program: how this program was called.
  public func invitation(program: String) -> String {
    let socket = settings.admin.statsSocket?.path ?? ""
    return """
      Tidegate \(Version.number), the demonstration: an echo backend behind wss and ws. Ctrl-C ends it.
      Each connection's log line appears below once it has ended. To try:

        https://localhost:\(tlsPort)/ or http://localhost:\(plainPort)/ in a browser (the certificate is self-signed)
        python3 -m websockets ws://localhost:\(plainPort)/
        SSL_CERT_FILE=\(folder.path)/certificate.pem python3 -m websockets wss://localhost:\(tlsPort)/
        curl --cacert \(folder.path)/certificate.pem https://localhost:\(tlsPort)/
        openssl s_client -connect localhost:\(tlsPort) -CAfile \(folder.path)/certificate.pem
        \(program) ctl --socket \(socket) show info
        echo "show stat" | socat - UNIX-CONNECT:\(socket)

      """
  }
}
