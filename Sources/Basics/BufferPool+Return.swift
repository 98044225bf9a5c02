internal import Glibc

/// Memory of buffers that nobody has needed for a while goes back to the kernel.
///
/// Each buffer knows the age in which it was last in use, and an age lasts from one end of a sweep to the next. What
/// is free and was in use neither in this age nor in the one before is dropped. The pool is swept in steps, so that
/// no turn of the worker is long.
extension BufferPool {
  /// Buffers looked at by a step, and of these dropped, at most: some 20 us.
  private static var stepLength: Int { 1024 }
  private static var dropsMax: Int { 32 }

  /// Free buffers that have memory all the same.
  public var unusedCount: Int { residentCount - takenCount }

  /// A step of the sweep. True exactly when the sweep has come to its end, and another age begins.
  public mutating func giveBackUnused() -> Bool {
    let end = min(untouched, sweepIndex + Self.stepLength)
    var drops = 0
    while sweepIndex < end, drops < Self.dropsMax {
      if isForgotten(sweepIndex) {
        drop(sweepIndex)
        drops += 1
      }
      sweepIndex += 1
    }
    guard sweepIndex >= untouched else { return false }
    sweepIndex = 0
    age = Self.age(after: age)
    return true
  }

  /// From 1 to 255 and round again; 0 is a buffer's without memory.
  private static func age(after age: UInt8) -> UInt8 { age == .max ? 1 : age + 1 }

  private func isForgotten(_ index: Int) -> Bool {
    let entry = entries[index]
    return !entry.isTaken && entry.age != 0 && entry.age != age && Self.age(after: entry.age) != age
  }

  private mutating func drop(_ index: Int) {
    entries[index].age = 0
    residentCount -= 1
    // Pages are shared with the neighbours, and dropped with the last of those that they belong to.
    let page = Int(getpagesize())
    let start = index * Self.stride
    let first = isWithoutMemory(index - 1) ? start / page : (start + page - 1) / page
    let last = start + Self.stride
    let end = isWithoutMemory(index + 1) ? (last + page - 1) / page : last / page
    madvise(memory + first * page, (end - first) * page, Int32(MADV_DONTNEED))
  }

  /// Of a neighbour, which the pool's ends have none of.
  private func isWithoutMemory(_ index: Int) -> Bool {
    !(0..<count).contains(index) || entries[index].age == 0
  }
}
