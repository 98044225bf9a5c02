internal import Basics
internal import Glibc

/// Tells systemd how things stand: datagrams to `$NOTIFY_SOCKET` (sd_notify(3); FORMATS section 6).
///
/// Without the variable nothing is sent. Failures are of no interest: the service manager has its timeouts.
public struct ServiceManager: Sendable {
  private let path: String?

  /// - Parameter path: of a unix datagram socket; `@` at its beginning names the abstract namespace.
  public init(path: String?) { self.path = path.flatMap { $0.isEmpty ? nil : $0 } }

  /// From the environment.
  public static var fromEnvironment: ServiceManager {
    ServiceManager(path: getenv("NOTIFY_SOCKET").map { String(cString: $0) })
  }

  public func ready() { send("READY=1") }

  /// `ready` follows once the new settings are in force, or won't be.
  public func reloading() {
    send("RELOADING=1\nMONOTONIC_USEC=\(Clock.monotonic.nanoseconds / 1000)")
  }

  public func stopping() { send("STOPPING=1") }

  private func send(_ text: String) {
    guard let path else { return }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    _ = UnixAddress.withAddress(path) { address, length in
      Int32(sendto(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL), address, length))
    }
  }
}
