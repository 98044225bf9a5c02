/// How much a head may be.
public struct HeadLimits: Hashable, Sendable {
  /// The whole head, bytes, its empty line included.
  public var bytes: Int
  /// The request target, bytes.
  public var targetBytes: Int
  /// Field lines.
  public var fields: Int

  public init(bytes: Int = 16384, targetBytes: Int = 8192, fields: Int = 100) {
    self.bytes = bytes
    self.targetBytes = targetBytes
    self.fields = fields
  }
}
