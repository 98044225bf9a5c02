internal import Glibc

/// Threads that the kernel runs ahead of all ordinary ones.
enum RealtimePriority {
  /// Gives the calling thread the priority; those that it makes, the ring's among them, stay ordinary.
  /// - Returns: nil, or why not.
  static func take(_ priority: Int) -> String? {
    var parameters = sched_param()
    parameters.sched_priority = Int32(priority)
    // By turns: two workers on one core mustn't wait for each other's end.
    guard sched_setscheduler(0, SCHED_RR | resetOnFork, &parameters) != 0 else { return nil }
    return
      "realtime_priority: \(priority) isn't granted (\(String(cString: strerror(errno)))): it takes root at the "
      + "start, CAP_SYS_NICE, or RLIMIT_RTPRIO of as much (systemd: LimitRTPRIO=\(priority), RestrictRealtime=no)"
  }

  private static let resetOnFork: Int32 = 0x4000_0000
}
