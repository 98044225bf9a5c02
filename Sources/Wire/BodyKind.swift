/// Where a message's body ends (RFC 9112 section 6).
public enum BodyKind: Hashable, Sendable {
  case none
  /// After so many bytes.
  case length(UInt64)
  case chunked
  /// Responses only.
  case untilClose
}
