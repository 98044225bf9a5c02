internal import Glibc

/// Lines on their way to a file, stdout or stderr: gathered, then appended with few calls.
///
/// Used by one thread at a time (which the compiler can't check): whoever opens it hands it over to the log's
/// thread. Trouble with the disk costs lines, which are counted; no worker waits for it.
final class LogFile: @unchecked Sendable {
  /// `stdout`, `stderr`, or a path.
  let destination: String
  private var descriptor: Int32
  private var device: dev_t = 0
  private var inode: ino_t = 0
  private var lines: [UInt8] = []
  private var lineCount: UInt64 = 0
  /// Bytes gathered at most before they are written.
  private static let gathered = 64 * 1024

  private var lostCount: UInt64 = 0
  /// The first reason for losing lines since the last success; nil while all is well.
  private(set) var trouble: String?

  init(_ destination: String) throws(ControlError) {
    self.destination = destination
    descriptor = -1
    guard open() else { throw ControlError("connection log \(destination): \(SystemError())") }
  }

  deinit { if isFile, descriptor >= 0 { close(descriptor) } }

  private var isFile: Bool { destination != "stdout" && destination != "stderr" }

  func append(line: String) {
    lines.append(contentsOf: line.utf8)
    lines.append(UInt8(ascii: "\n"))
    lineCount += 1
    if lines.count >= Self.gathered { flush() }
  }

  /// Writes what has been gathered; what can't be written is lost and counted.
  func flush() {
    guard !lines.isEmpty else { return }
    if descriptor < 0, !open() { return lose(SystemError()) }
    var rest = lines[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return lose(SystemError()) }
      rest = rest.dropFirst(count)
    }
    trouble = nil
    forget()
  }

  /// Opens the file anew where it is: somebody may have renamed it.
  func reopen() {
    guard isFile else { return }
    flush()
    let old = descriptor
    if open() {
      if old >= 0 { close(old) }
    } else {
      trouble = trouble ?? "\(SystemError())"
    }
  }

  /// Reopens exactly when the path leads to another file than the one that is open, or to none.
  func reopenIfRotated() {
    guard isFile else { return }
    var status = stat()
    if descriptor >= 0, stat(destination, &status) == 0, status.st_dev == device, status.st_ino == inode {
      return
    }
    reopen()
  }

  /// Lines lost since the last call.
  func takeLostCount() -> UInt64 {
    defer { lostCount = 0 }
    return lostCount
  }

  private func open() -> Bool {
    switch destination {
    case "stdout": descriptor = STDOUT_FILENO
    case "stderr": descriptor = STDERR_FILENO
    default:
      let new = Glibc.open(destination, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
      guard new >= 0 else { return false }
      descriptor = new
      var status = stat()
      fstat(new, &status)
      (device, inode) = (status.st_dev, status.st_ino)
    }
    return true
  }

  private func lose(_ error: SystemError) {
    lostCount += lineCount
    trouble = trouble ?? "\(error)"
    forget()
  }

  private func forget() {
    lines.removeAll(keepingCapacity: true)
    lineCount = 0
  }
}
