internal import Glibc

/// Memory of slots without a tenant goes back to the kernel.
extension SlotTable where Value: ~Copyable {
  /// Slots looked at by a step, and runs of free ones dropped, at most: some 50 us.
  private static var stepLength: Int { 1024 }
  private static var dropsMax: Int { 32 }

  /// A step of a sweep over all slots. True exactly when the sweep has come to its end.
  public mutating func giveBackUnused() -> Bool {
    let end = min(Int(untouched), sweepIndex + Self.stepLength)
    var drops = 0
    while sweepIndex < end, drops < Self.dropsMax {
      let first = sweepIndex
      while sweepIndex < end, generations[sweepIndex] & Self.occupied == 0 { sweepIndex += 1 }
      if drop(first..<sweepIndex) { drops += 1 }
      while sweepIndex < end, generations[sweepIndex] & Self.occupied != 0 { sweepIndex += 1 }
    }
    guard sweepIndex >= Int(untouched) else { return false }
    sweepIndex = 0
    return true
  }

  /// Drops the whole pages of free slots. False when there are none.
  private func drop(_ slots: Range<Int>) -> Bool {
    let (page, stride) = (Int(getpagesize()), MemoryLayout<Value>.stride)
    let first = (slots.lowerBound * stride + page - 1) / page
    let end = slots.upperBound * stride / page
    guard first < end else { return false }
    madvise(UnsafeMutableRawPointer(values) + first * page, (end - first) * page, Int32(MADV_DONTNEED))
    return true
  }
}
