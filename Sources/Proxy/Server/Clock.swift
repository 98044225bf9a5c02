internal import Basics
internal import Glibc

extension MonotonicTime {
  /// The time right now, for the control plane. The data plane has it from its engine.
  static func current() -> MonotonicTime {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }
}
