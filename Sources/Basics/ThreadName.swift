internal import Glibc

/// Names the calling thread, for `top` and debuggers.
///
/// The call for it is a GNU extension that Swift doesn't see; the kernel has a file for it as well.
/// - Parameter name: at most 15 bytes.
public func nameThread(_ name: String) {
  let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
  guard file >= 0 else { return }
  _ = write(file, name, name.utf8.count)
  close(file)
}
