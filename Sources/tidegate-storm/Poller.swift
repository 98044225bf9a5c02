import Basics
import CEpoll
import Glibc

/// Edge-triggered epoll over sockets, each with a tag of the caller's.
final class Poller {
  private let descriptor: Int32
  private var events = [epoll_event](repeating: epoll_event(), count: 512)

  init() {
    descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    precondition(descriptor >= 0, "no descriptor is left for epoll")
  }

  deinit { close(descriptor) }

  /// Every change of `socket` is reported once, so whoever is told reads until nothing is left. Closing the
  /// socket ends it.
  func watch(_ socket: Int32, tag: UInt64, edgeTriggered: Bool = true) {
    var event = epoll_event()
    event.events = EPOLLIN.rawValue
    if edgeTriggered { event.events |= EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue }
    event.data.u64 = tag
    epoll_ctl(descriptor, EPOLL_CTL_ADD, socket, &event)
  }

  /// Waits until something happens or `timeout` is over, and calls `body` with each tag, and with
  /// true when the peer has sent its FIN or a reset, so that reading has to go on to the end.
  func wait(_ timeout: Duration, _ body: (UInt64, Bool) -> Void) {
    let nanoseconds = timeout.clampedNanoseconds
    var time = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    let count = epoll_pwait2(descriptor, &events, Int32(events.count), &time, nil)
    for index in 0..<max(0, Int(count)) {
      let ended = events[index].events & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
      body(events[index].data.u64, ended)
    }
  }
}
