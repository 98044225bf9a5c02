internal import Glibc

/// What operators ask for by a signal (FORMATS section 7).
enum Signal: CaseIterable, Sendable {
  case reload, drain, drainWithoutEnd, stop

  init?(number: Int32) {
    switch number {
    case SIGHUP: self = .reload
    case SIGTERM: self = .drain
    case SIGQUIT, SIGUSR1: self = .drainWithoutEnd
    case SIGINT: self = .stop
    default: return nil
    }
  }

  private static let numbers = [SIGHUP, SIGTERM, SIGQUIT, SIGUSR1, SIGINT]

  private static func withSet<Result>(_ body: (UnsafePointer<sigset_t>) -> Result) -> Result {
    var set = sigset_t()
    sigemptyset(&set)
    for number in numbers { sigaddset(&set, number) }
    return body(&set)
  }

  /// Keeps them from all threads that are started from now on; call before there are any. SIGPIPE is ignored:
  /// a peer that has gone is an error of the call.
  static func block() {
    signal(SIGPIPE, SIG_IGN)
    _ = withSet { pthread_sigmask(SIG_BLOCK, $0, nil) }
  }

  /// Waits for the next one.
  static func next() -> Signal {
    while true {
      var number: Int32 = 0
      guard withSet({ sigwait($0, &number) }) == 0, let signal = Signal(number: number) else { continue }
      return signal
    }
  }
}
