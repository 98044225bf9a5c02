internal import Glibc

/// The file of a listening unix socket: made with its permissions from the first moment, removed by its maker.
struct SocketFile: Sendable {
  let path: String
  private let device: dev_t
  private let inode: ino_t

  /// Binds and listens. A socket file that nobody listens on is replaced; anything else in the way is an error.
  ///
  /// The socket is bound under another name and listens only once its mode is set, then the name is taken in
  /// one step: at no moment can somebody connect whom the mode forbids, and the process's umask, which all
  /// threads share, stays untouched.
  static func listen(
    at path: String, mode: UInt16, backlog: Int32 = 64
  ) throws(ControlError) -> (SocketFile, descriptor: Int32) {
    let temporary = "\(path).\(getpid()).new"
    guard !path.isEmpty, !path.utf8.contains(0), temporary.utf8.count < UnixAddress.limit else {
      throw ControlError("stats socket \(path): the path is empty or too long")
    }
    try makeWay(path)
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw failure(path, "socket") }
    do {
      let file = try bind(descriptor, path, temporary, mode, backlog)
      return (file, descriptor)
    } catch {
      close(descriptor)
      unlink(temporary)
      throw error
    }
  }

  private static func bind(
    _ descriptor: Int32, _ path: String, _ temporary: String, _ mode: UInt16, _ backlog: Int32
  ) throws(ControlError) -> SocketFile {
    unlink(temporary)
    guard UnixAddress.bind(descriptor, temporary) == 0 else { throw failure(path, "bind") }
    guard chmod(temporary, mode_t(mode)) == 0 else { throw failure(path, "chmod") }
    guard Glibc.listen(descriptor, backlog) == 0 else { throw failure(path, "listen") }
    var status = stat()
    guard stat(temporary, &status) == 0 else { throw failure(path, "stat") }
    guard rename(temporary, path) == 0 else { throw failure(path, "rename") }
    return SocketFile(path: path, device: status.st_dev, inode: status.st_ino)
  }

  /// Removes the file, unless somebody else has put another in its place.
  func remove() {
    var status = stat()
    guard stat(path, &status) == 0, status.st_dev == device, status.st_ino == inode else { return }
    unlink(path)
  }

  /// Only where the mode is another: who has dropped privileges may not own the file any more.
  func setMode(_ mode: UInt16) throws(ControlError) {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & 0o7777 == mode_t(mode) { return }
    guard chmod(path, mode_t(mode)) == 0 else { throw Self.failure(path, "chmod") }
  }

  /// Returns when `path` may be taken: nothing is there, or a socket without a listener.
  private static func makeWay(_ path: String) throws(ControlError) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw failure(path, "stat")
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw ControlError("stats socket \(path): there is a file of that name, and it is no socket")
    }
    switch UnixAddress.connect(path) {
    case .success(let descriptor):
      close(descriptor)
      throw ControlError("stats socket \(path): another process listens there")
    case .failure(let error) where error.errno == ECONNREFUSED: return
    case .failure(let error):
      throw ControlError("stats socket \(path): can't tell whether somebody listens there: \(error)")
    }
  }

  private static func failure(_ path: String, _ call: String) -> ControlError {
    ControlError("stats socket \(path): \(call): \(SystemError())")
  }
}
