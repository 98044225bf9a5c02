/// A number of bytes.
public struct ByteCount: Comparable, Hashable, Sendable {
  public var bytes: Int

  @inlinable public init(_ bytes: Int) { self.bytes = bytes }
  public static func kibibytes(_ n: Int) -> Self { Self(n << 10) }
  public static func mebibytes(_ n: Int) -> Self { Self(n << 20) }
  public static func gibibytes(_ n: Int) -> Self { Self(n << 30) }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.bytes < b.bytes }
}
