internal import CUring
internal import Glibc

/// An eventfd: what one thread writes, wakes another that reads it through its ring.
public enum EventDescriptor {
  /// A new one, blocking.
  public static func make() throws(RingError) -> Int32 {
    let descriptor = curing_eventfd()
    guard descriptor >= 0 else { throw .system(call: "eventfd", errno: errno) }
    return descriptor
  }

  /// Makes a descriptor a blocking one: a ring doesn't wait for the others.
  public static func makeBlocking(_ descriptor: Int32) {
    let flags = fcntl(descriptor, F_GETFL)
    if flags >= 0, flags & O_NONBLOCK != 0 { _ = fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) }
  }

  /// Wakes who reads. Any thread may call it.
  public static func signal(_ descriptor: Int32) { eventfd_write(descriptor, 1) }
}
