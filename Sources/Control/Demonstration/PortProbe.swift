internal import Glibc

/// Whether a port is free, for a message that is clear.
enum PortProbe {
  /// - Throws: when somebody listens on the port of 127.0.0.1. The proxy's own sockets wouldn't notice: they
  ///   share their address among the workers (SO_REUSEPORT), and so with another process of the same account.
  static func requireFree(_ port: UInt16, option: String) throws(ControlError) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw ControlError("port \(port): \(SystemError())") }
    defer { close(descriptor) }
    // Connections that linger after their end are no obstacle; listeners are, without SO_REUSEPORT here.
    var on: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    guard bind(descriptor, port) == 0 else {
      throw ControlError("can't listen on port \(port): \(SystemError()); \(option) chooses another")
    }
  }

  private static func bind(_ descriptor: Int32, _ port: UInt16) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
