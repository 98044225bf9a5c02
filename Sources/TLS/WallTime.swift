/// An instant of the wall clock: whole seconds since 1970, UTC. What outlives the machine is dated with it
/// (certificates, the epochs of a fleet's ticket keys); never a deadline, since people set this clock.
public struct WallTime: Comparable, Hashable, Sendable {
  public var seconds: Int64

  public init(seconds: Int64) { self.seconds = seconds }

  public static func < (a: Self, b: Self) -> Bool { a.seconds < b.seconds }

  /// Fractions of a second are dropped.
  public static func + (a: Self, b: Duration) -> Self { Self(seconds: a.seconds + b.components.seconds) }
  public static func - (a: Self, b: Duration) -> Self { Self(seconds: a.seconds - b.components.seconds) }
}
