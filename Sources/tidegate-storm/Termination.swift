import Glibc
import Synchronization

/// True exactly when somebody asked the process to end, by SIGTERM or SIGINT.
enum Termination {
  private static let asked = Atomic(false)

  static var isAsked: Bool { asked.load(ordering: .relaxed) }

  static func notice() {
    for number in [SIGTERM, SIGINT] {
      signal(number) { _ in Termination.asked.store(true, ordering: .relaxed) }
    }
  }
}
