internal import Glibc

/// A folder of this process's own that only its account may enter.
final class TemporaryFolder: Sendable {
  let path: String

  init(prefix: String) throws(ControlError) {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    // mkdtemp replaces six letters X at the end, and makes the folder with mode 0700.
    var template = Array("\(parent)/\(prefix).\(String(repeating: "X", count: 6))".utf8CString)
    guard let made = mkdtemp(&template) else {
      throw ControlError("no folder in \(parent): \(SystemError())")
    }
    path = String(cString: made)
  }

  /// Writes a new file that only this account may read.
  func write(_ text: String, to name: String) throws(ControlError) -> String {
    let file = "\(path)/\(name)"
    let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw ControlError("can't write \(file): \(SystemError())") }
    defer { close(descriptor) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { throw ControlError("can't write \(file): \(SystemError())") }
      rest = rest.dropFirst(count)
    }
    return file
  }

  /// Removes it with the files in it; there are no folders in it.
  func remove() {
    guard let folder = opendir(path) else { return }
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { unlink("\(path)/\(name)") }
    }
    closedir(folder)
    rmdir(path)
  }
}
