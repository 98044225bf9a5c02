/// So many in so long.
public struct Rate: Sendable, Equatable {
  public var count: Int
  public var period: Duration
  public init(_ count: Int, per period: Duration = .seconds(1)) {
    self.count = count
    self.period = period
  }
}

extension Settings {
  /// Limits of one client address.
  public struct PerAddress: Sendable, Equatable {
    /// Live connections; nil is no limit.
    public var connections: Int? = nil
    /// Connections per second; nil is no limit.
    public var connectionRate: Rate? = nil
    public var burst: Int? = nil
    /// Bits of an IPv6 address that make one client.
    public var ipv6Prefix = 64
    public init() {}
  }

  /// Where connections wait ahead of TLS for their turn.
  public struct WaitingRoom: Sendable, Equatable {
    /// Connections that may wait, all workers together.
    public var capacity = 65536
    /// How long a client is expected to wait. Who would have to wait longer is refused at once.
    public var patience = Duration.seconds(3)
    public init() {}
  }

  /// How connections are refused.
  public struct Refusal: Sendable, Equatable {
    /// Ahead of TLS: with a TCP reset, or an orderly close.
    public enum BeforeTLS: String, Sendable, CaseIterable { case reset, close }
    /// In words that the client can read, once it has come through TLS.
    public enum Readable: String, Sendable, CaseIterable {
      /// 503 with Retry-After.
      case unavailable = "503"
      /// 101, then held idle, then close code 1013 when its slot comes.
      case hold1013 = "hold-1013"
      /// Not at all: every refusal is ahead of TLS.
      case none
    }
    /// Clients that are answered 101 and held.
    public struct Hold: Sendable, Equatable {
      public var connections = 20000
      public var atMost = Duration.seconds(60)
      public init() {}
    }
    public var beforeTLS = BeforeTLS.reset
    public var readable = Readable.unavailable
    /// The share of each worker's time that readable refusals may take, from 0 to 1.
    public var cpu = 0.10
    public var hold = Hold()
    public init() {}
  }
}
