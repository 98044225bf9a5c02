import ArgumentParser
import Basics

/// A duration on the command line: `250ms`, `10s`, `2m`; a bare number is seconds.
struct Span: ExpressibleByArgument {
  var duration: Duration

  init(_ duration: Duration) { self.duration = duration }

  init?(argument: String) {
    let units: [(suffix: String, seconds: Double)] = [("ms", 1e-3), ("s", 1), ("m", 60)]
    let unit = units.first { argument.hasSuffix($0.suffix) } ?? ("", 1)
    guard let count = Double(argument.dropLast(unit.suffix.count)), count >= 0, count.isFinite,
      count * unit.seconds <= 86_400
    else { return nil }
    duration = .nanoseconds(Int64(count * unit.seconds * 1e9))
  }

  var defaultValueDescription: String { rounded(duration.inSeconds, 3) + "s" }
}

enum TLSChoice: String, ExpressibleByArgument, CaseIterable {
  case none
  case tls12 = "1.2"
  case tls13 = "1.3"
}

/// Whom to connect to, and how: common to all loads.
struct TargetArguments: ParsableArguments {
  @Option(help: "Where to connect to: 127.0.0.1:8443, [::1]:8443.")
  var address: String
  @Option(help: "TLS version, or none for plain ws. Certificates are not verified.")
  var tls = TLSChoice.none
  @Option(help: "Key exchange groups in OpenSSL's notation, such as P-256 or X25519:P-256.")
  var groups: String?
  @Option(help: "Cipher in OpenSSL's notation: a suite for 1.3, a cipher list for 1.2.")
  var cipher: String?
  @Option(help: "Server name, for TLS and the Host field.")
  var sni = "localhost"
  @Option(help: "Path of the upgrade request.")
  var path = "/"
  @Option(help: "Source addresses to spread over, from 127.0.0.2 on; 0 leaves the choice to the kernel.")
  var sources = 8

  func validate() throws {
    guard case .ip = Endpoint(address) else { throw ValidationError("--address: not IP:PORT: \(address)") }
    guard (0...250).contains(sources) else { throw ValidationError("--sources: 0 to 250") }
  }

  func target() throws -> Target {
    guard case .ip(let ip, let port) = Endpoint(address) else { throw ValidationError("--address") }
    let loopback = ip.isIPv4 && ip.ipv4 >> 24 == 127
    let context = tls == .none ? nil : try TLSClientContext(version: tls, groups: groups, cipher: cipher)
    return Target(
      address: ip, port: port, tls: context, serverName: sni, path: path, sources: loopback ? sources : 0)
  }
}

/// What all clients of a run have in common.
struct Target {
  var address: IPAddress
  var port: UInt16
  var tls: TLSClientContext?
  var serverName: String
  var path: String
  var sources: Int
}
