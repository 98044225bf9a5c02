internal import Synchronization

/// How many connections all workers together hold, and the most that they may: exactly, whichever workers the
/// kernel gave them to.
public final class HeldCount: Sendable {
  private let count = Atomic<Int>(0)
  private let most: Atomic<Int>

  public init(limit: Int) { most = Atomic(limit) }

  public var now: Int { count.load(ordering: .relaxed) }

  public var limit: Int { most.load(ordering: .relaxed) }

  /// Those that are held stay, be they more than that.
  public func change(limit: Int) { most.store(limit, ordering: .relaxed) }

  /// Counts one more. False, and nothing counted, when that would be one too many.
  func enter() -> Bool {
    if count.add(1, ordering: .relaxed).newValue <= limit { return true }
    leave()
    return false
  }

  func leave() {
    let left = count.subtract(1, ordering: .relaxed).newValue
    assert(left >= 0, "one left that had not been held")
  }
}
