internal import Glibc

/// The error numbers that the data path tells apart. Engines report them as the kernel does.
enum Errno {
  static let noBuffers = ENOBUFS
  static let cancelled = ECANCELED
  static let interrupted = EINTR
  static let again = EAGAIN
  static let timedOut = ETIMEDOUT
}
