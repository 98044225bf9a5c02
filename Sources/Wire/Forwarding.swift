public import Basics

/// What the backend is told of the client.
public struct Forwarding: Hashable, Sendable {
  /// Nil for a client without an IP address.
  public var client: IPAddress?
  /// True exactly when the client came over TLS.
  public var isSecure: Bool

  public init(client: IPAddress?, isSecure: Bool) {
    self.client = client
    self.isSecure = isSecure
  }
}
