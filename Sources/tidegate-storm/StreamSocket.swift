import Basics
import Glibc

/// Plain non-blocking TCP sockets. Failures are errno values.
enum StreamSocket {
  /// A socket that is connecting to `address`; from 127.0.0.(2 + source) when `source` is given.
  static func connect(to address: IPAddress, port: UInt16, source: Int?) -> Result<Int32, SocketError> {
    let family = address.isIPv4 ? AF_INET : AF_INET6
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | nonBlocking, 0)
    guard descriptor >= 0 else { return .failure(SocketError(code: errno)) }
    setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    if let source, let failure = bindSource(descriptor, source) {
      close(descriptor)
      return .failure(failure)
    }
    let result = withAddress(address, port) { Glibc.connect(descriptor, $0, $1) }
    if result < 0, errno != EINPROGRESS {
      let failure = SocketError(code: errno)
      close(descriptor)
      return .failure(failure)
    }
    return .success(descriptor)
  }

  static func listen(at address: IPAddress, port: UInt16) throws(SocketError) -> Int32 {
    let family = address.isIPv4 ? AF_INET : AF_INET6
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | nonBlocking, 0)
    guard descriptor >= 0 else { throw SocketError(code: errno) }
    setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
    guard withAddress(address, port, { bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, 65_535) == 0
    else {
      let failure = SocketError(code: errno)
      close(descriptor)
      throw failure
    }
    return descriptor
  }

  /// Nil when nobody is waiting, or when this one is lost.
  static func accept(_ listener: Int32) -> Int32? {
    let descriptor = Glibc.accept(listener, nil, nil)
    guard descriptor >= 0 else { return nil }
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    return descriptor
  }

  /// False when nobody is waiting.
  static func acceptAndReset(_ listener: Int32) -> Bool {
    let descriptor = Glibc.accept(listener, nil, nil)
    guard descriptor >= 0 else { return false }
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    close(descriptor)
    return true
  }

  /// What became of a connect: 0, or an errno value.
  static func connectError(_ descriptor: Int32) -> Int32 {
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
    return code
  }

  private static let nonBlocking = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

  private static func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func bindSource(_ descriptor: Int32, _ source: Int) -> SocketError? {
    // Without it the port is chosen before the destination is known, and 28,000 are all there are.
    let bindAddressNoPort: Int32 = 24
    setOption(descriptor, Int32(IPPROTO_IP), bindAddressNoPort, 1)
    let address = IPAddress(ipv4: 0x7f00_0002 + UInt32(source))
    let result = withAddress(address, 0) { bind(descriptor, $0, $1) }
    return result == 0 ? nil : SocketError(code: errno)
  }

  private static func withAddress(
    _ address: IPAddress, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    if address.isIPv4 {
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_port = port.bigEndian
      name.sin_addr.s_addr = address.ipv4.bigEndian
      return call(&name, body)
    }
    var name = sockaddr_in6()
    name.sin6_family = sa_family_t(AF_INET6)
    name.sin6_port = port.bigEndian
    withUnsafeMutableBytes(of: &name.sin6_addr) {
      $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
      $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    return call(&name, body)
  }

  private static func call<Name>(
    _ name: inout Name, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    withUnsafeBytes(of: &name) {
      body($0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
    }
  }
}

struct SocketError: Error, CustomStringConvertible {
  /// An errno value.
  var code: Int32
  var description: String { String(cString: strerror(code)) }
}
