internal import Glibc

/// `errno` at the moment of a failure.
struct SystemError: Error, CustomStringConvertible {
  let errno: Int32
  init(_ errno: Int32 = Glibc.errno) { self.errno = errno }

  /// The C library keeps the text per thread.
  var description: String { String(cString: strerror(errno)) }
}

/// Addresses of unix sockets, for the few calls that are made without NIO.
enum UnixAddress {
  /// Bytes of `sun_path`, with room for the zero at its end.
  static let limit = 108

  static func bind(_ descriptor: Int32, _ path: String) -> Int32 {
    withAddress(path) { Glibc.bind(descriptor, $0, $1) }
  }

  /// A connected stream socket.
  static func connect(_ path: String) -> Result<Int32, SystemError> {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return .failure(SystemError()) }
    guard withAddress(path, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
      let error = SystemError()
      close(descriptor)
      return .failure(error)
    }
    return .success(descriptor)
  }

  /// - Parameter path: shorter than `limit`; a `@` at its beginning names the abstract namespace.
  static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    let bytes = Array(path.utf8)
    guard bytes.count < limit else {
      errno = ENAMETOOLONG
      return -1
    }
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let isAbstract = bytes.first == UInt8(ascii: "@")
    if isAbstract { address.sun_path.0 = 0 }
    let length = MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(length)) }
    }
  }
}
