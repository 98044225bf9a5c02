import Glibc

/// Pages between two that can't be touched: whoever reads or writes past an end of them crashes.
final class GuardedMemory {
  private let map: UnsafeMutableRawPointer
  private let count: Int
  let bytes: UnsafeMutableRawBufferPointer

  init(atLeast count: Int) {
    let page = sysconf(Int32(_SC_PAGESIZE))
    let inner = (count + page - 1) / page * page
    self.count = inner + 2 * page
    map = mmap(nil, self.count, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    precondition(map != MAP_FAILED && mprotect(map + page, inner, PROT_READ | PROT_WRITE) == 0)
    bytes = UnsafeMutableRawBufferPointer(start: map + page, count: inner)
  }

  deinit { munmap(map, count) }

  /// The last bytes.
  func end(_ count: Int) -> UnsafeMutableRawBufferPointer { .init(rebasing: bytes.suffix(count)) }

  /// The first bytes.
  func start(_ count: Int) -> UnsafeMutableRawBufferPointer { .init(rebasing: bytes.prefix(count)) }
}
