/// An instant of CLOCK_MONOTONIC, in nanoseconds.
///
/// Nothing below the worker asks for the time: whoever needs it is handed a `MonotonicTime` called `now`,
/// so that tests and the simulation decide what time it is.
public struct MonotonicTime: Comparable, Hashable, Sendable {
  public var nanoseconds: UInt64

  @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  public static let zero = MonotonicTime(nanoseconds: 0)
  public static let distantFuture = MonotonicTime(nanoseconds: .max)

  @inlinable public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

  /// Saturates at `distantFuture`, so that an "unlimited" deadline needs no special case.
  @inlinable public static func + (a: Self, b: Duration) -> Self {
    let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.clampedNanoseconds)
    return Self(nanoseconds: overflow ? .max : sum)
  }

  /// How long after `earlier` this is; zero when it isn't after.
  @inlinable public func since(_ earlier: Self) -> Duration {
    self <= earlier ? .zero : .nanoseconds(Int64(clamping: nanoseconds - earlier.nanoseconds))
  }
}

extension Duration {
  /// Whole nanoseconds from 0 to `UInt64.max`; negative durations are 0.
  ///
  /// A duration is an integer of 128 bits, of 10^-18 s. Its `components` take two divisions of that width by calls into
  /// the library; this takes one of 128 by 64 bits.
  @inlinable public var clampedNanoseconds: UInt64 {
    let (high, low) = (_high, _low)
    guard high >= 0 else { return 0 }
    guard high < 1_000_000_000 else { return .max }
    return UInt64(1_000_000_000).dividingFullWidth((UInt64(high), low)).quotient
  }

  /// Seconds as a floating-point number, for logs and metrics.
  public var inSeconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
