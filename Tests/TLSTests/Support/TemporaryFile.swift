import Glibc
import TLS

/// A file that is gone with its last holder.
final class TemporaryFile {
  let path: String
  var source: TLSConfiguration.Source { .file(path) }

  init(_ bytes: [UInt8], mode: mode_t = 0o600) {
    // mkstemp replaces six letters X at the end.
    var template = Array("/tmp/tidegate-test-\(String(repeating: "X", count: 6))".utf8CString)
    let descriptor = mkstemp(&template)
    precondition(descriptor >= 0)
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    precondition(write(descriptor, bytes, bytes.count) == bytes.count)
    precondition(fchmod(descriptor, mode) == 0)
    close(descriptor)
  }

  deinit { unlink(path) }
}
