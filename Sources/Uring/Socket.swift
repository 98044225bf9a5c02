public import Basics
internal import CUring
internal import Glibc

/// Why a listening socket can't be opened.
public struct SocketError: Error, Hashable, Sendable, CustomStringConvertible {
  public var endpoint: Endpoint
  /// What failed: `bind`, for example.
  public var call: String
  public var errno: Int32

  public init(endpoint: Endpoint, call: String, errno: Int32) {
    self.endpoint = endpoint
    self.call = call
    self.errno = errno
  }

  public var description: String { "\(endpoint): \(call): \(String(cString: strerror(errno)))" }
}

/// Set-up of sockets with ordinary descriptors.
public enum Socket {
  /// Opens a listening socket. On IP addresses several can listen at one endpoint (SO_REUSEPORT), among which
  /// the kernel spreads the clients. The sockets accepted inherit TCP_NODELAY.
  /// - Parameter backlog: clients that may wait to be accepted; the kernel caps it at net.core.somaxconn.
  public static func listen(on endpoint: Endpoint, backlog: Int32) throws(SocketError) -> Int32 {
    let address = SocketAddress(endpoint)
    let descriptor = socket(
      Int32(address.family), Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SocketError(endpoint: endpoint, call: "socket", errno: errno) }
    do throws(SocketError) {
      if address.isIP { try setOptions(of: descriptor, address, endpoint) }
      try bind(descriptor, address, endpoint)
      guard Glibc.listen(descriptor, backlog) == 0 else {
        throw SocketError(endpoint: endpoint, call: "listen", errno: errno)
      }
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    return descriptor
  }

  /// Whether a listening socket's clients are kept from us until their first bytes have come (TCP_DEFER_ACCEPT):
  /// who says nothing takes no slot, and accepting and receiving take one turn. After a second without any they
  /// come all the same. Of no effect on sockets that aren't TCP's.
  public static func setAwaitsFirstBytes(_ descriptor: Int32, _ awaits: Bool) {
    var seconds: Int32 = awaits ? 1 : 0
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_DEFER_ACCEPT, &seconds, 4)
  }

  private static func setOptions(
    of descriptor: Int32, _ address: SocketAddress, _ endpoint: Endpoint
  ) throws(SocketError) {
    var options = [(SOL_SOCKET, SO_REUSEADDR), (SOL_SOCKET, SO_REUSEPORT), (Int32(IPPROTO_TCP), TCP_NODELAY)]
    // An IPv6 listener takes IPv6 clients only: the same port of 0.0.0.0 is another listener's.
    if address.family == UInt16(AF_INET6) { options.append((Int32(IPPROTO_IPV6), IPV6_V6ONLY)) }
    var enabled: Int32 = 1
    for (level, name) in options {
      guard setsockopt(descriptor, level, name, &enabled, 4) == 0 else {
        throw SocketError(endpoint: endpoint, call: "setsockopt", errno: errno)
      }
    }
  }

  private static func bind(
    _ descriptor: Int32, _ address: SocketAddress, _ endpoint: Endpoint
  ) throws(SocketError) {
    if call(Glibc.bind, descriptor, address) == 0 { return }
    var failure = errno
    if failure == EADDRINUSE, case .unix(let path) = endpoint, isLeftOver(path, address) {
      unlink(path)
      if call(Glibc.bind, descriptor, address) == 0 { return }
      failure = errno
    }
    throw SocketError(endpoint: endpoint, call: "bind", errno: failure)
  }

  /// True exactly when a unix socket's file is there but nobody listens: a process before us left it.
  private static func isLeftOver(_ path: String, _ address: SocketAddress) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return false }
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    guard probe >= 0 else { return false }
    defer { Glibc.close(probe) }
    return call(Glibc.connect, probe, address) != 0 && errno == ECONNREFUSED
  }

  private static func call(
    _ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32, _ descriptor: Int32,
    _ address: SocketAddress
  ) -> Int32 {
    withUnsafePointer(to: address.storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { function(descriptor, $0, address.length) }
    }
  }

  /// Where a socket is bound: tells the port that 0 became. Nil when it isn't a bound socket.
  public static func boundEndpoint(of descriptor: Int32) -> Endpoint? { name(getsockname, descriptor) }

  /// Who is at the other end; nil when it has no name, or is gone.
  public static func peerEndpoint(of descriptor: Int32) -> Endpoint? { name(getpeername, descriptor) }

  private static func name(
    _ function: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32,
    _ descriptor: Int32
  ) -> Endpoint? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { function(descriptor, $0, &length) }
    }
    return result == 0 ? SocketAddress(storage: storage, length: length).endpoint : nil
  }

  /// Another descriptor of the same socket: unix sockets can't share an endpoint as IP sockets can, so several
  /// rings accept from the same one. Nil when the process has no descriptor left.
  public static func duplicate(_ descriptor: Int32) -> Int32? {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    return copy < 0 ? nil : copy
  }
}
