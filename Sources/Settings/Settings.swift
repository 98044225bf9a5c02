public import Basics
public import Policy

/// A whole configuration, validated: every value in it is possible, every name that it refers to exists.
///
/// The file's manner is in the README; `conf/` has annotated examples. Immutable once made, so workers
/// share it.
public struct Settings: Sendable, Equatable {
  /// Threads of the data plane; nil is one a core.
  public var workers: Int? = nil
  /// Of the workers' threads among those that must run at once (SCHED_RR); nil leaves them among all others.
  public var realtimePriority: Int? = nil
  public var limits = Limits()
  public var waitingRoom = WaitingRoom()
  public var refusal = Refusal()
  public var relay = Relay()
  public var deadlines = Deadlines()
  public var listeners: [Listener] = []
  public var pools: [Pool] = []
  public var drain = Drain()
  public var log = Log()
  public var admin = Admin()
  /// The account to run as once the sockets are open; nil changes nothing.
  public var user: String? = nil

  public init() {}
}

/// Where in the file something stands, both from 1. Ignored in comparisons: moving a line changes nothing.
public struct SourceLocation: Sendable, Equatable {
  public var line: Int
  public var column: Int
  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }
  public static func == (a: Self, b: Self) -> Bool { true }
}

extension Settings {
  /// A word or a path of the file, and where it stands: what only its user can judge is reported there.
  public struct Located: Sendable, Equatable {
    public var text: String
    public var location: SourceLocation
    public init(_ text: String, at location: SourceLocation) {
      self.text = text
      self.location = location
    }
  }

  public struct Limits: Sendable, Equatable {
    /// Live connections of the process. As many as one ring has sockets for where RLIMIT_NOFILE is 20000; more
    /// take more rings, which cost a little.
    public var connections = 9900
    /// Connections admitted per second, all listeners together; nil is no limit.
    public var connectionRate: Rate? = nil
    /// How many of them at once after a rest; nil is a tenth of a second's worth.
    public var connectionBurst: Int? = nil
    /// The share of each worker's time that TLS handshakes may take, from 0 to 1; nil is no limit.
    public var handshakeCPU: Double? = nil
    public var perAddress = PerAddress()
    /// Bytes of I/O buffers, all workers together.
    public var bufferMemory = ByteCount.mebibytes(512)
    /// Bytes of a request's or response's head.
    public var head = ByteCount.kibibytes(16)
    /// Header fields of a request or response.
    public var headers = 100
    public init() {}
  }

  /// How much may be under way in one direction of one connection.
  public struct Relay: Sendable, Equatable {
    /// Above this many bytes waiting for the receiver, nothing more is read from the sender.
    public var highWater = ByteCount.kibibytes(128)
    /// At or below this many, reading goes on.
    public var lowWater = ByteCount.kibibytes(16)
    /// How long a busy worker waits for more to do at once; zero is not at all.
    public var coalesce = Duration.microseconds(50)
    public init() {}
  }

  /// How long each phase of a connection's life may take; named like the phases.
  public struct Deadlines: Sendable, Equatable {
    public var firstByte = Duration.seconds(5)
    public var handshaking = Duration.seconds(10)
    public var upgrading = Duration.seconds(10)
    public var connecting = Duration.seconds(5)
    /// Without a byte in either direction.
    public var idle = Duration.seconds(3600)
    public var closing = Duration.seconds(5)
    public init() {}
  }

  public struct Listener: Sendable, Equatable {
    public enum Mode: String, Sendable, CaseIterable { case websocket, tcp }
    /// What the PROXY header that precedes each connection says of its client is believed, where the peer is
    /// one of these.
    public struct ProxyProtocol: Sendable, Equatable {
      public var from: [CIDR]
      public init(from: [CIDR]) { self.from = from }
    }

    /// What becomes of requests that are no WebSocket upgrade.
    public enum PlainHTTP: String, Sendable, CaseIterable { case pass, refuse }

    /// Unique among the listeners. Without a name in the file: the first address.
    public var name: String
    public var location: SourceLocation
    public var bind: [Endpoint]
    public var mode = Mode.websocket
    public var plainHTTP = PlainHTTP.pass
    /// Live connections of this listener; nil is no limit of its own.
    public var connections: Int? = nil
    /// Connections of this listener admitted per second; nil is no limit of its own.
    public var connectionRate: Rate? = nil
    public var connectionBurst: Int? = nil
    /// Clients that may connect; empty: all that aren't denied. The longest prefix that matches decides.
    public var allow: [CIDR] = []
    public var deny: [CIDR] = []
    /// Nil: no PROXY header is expected.
    public var proxyProtocol: ProxyProtocol? = nil
    public var tls: TLS? = nil
    /// In order; the first that matches is taken.
    public var routes: [Route] = []
    /// The pool where no route matches; nil answers 404 then.
    public var pool: String? = nil

    public init(name: String, location: SourceLocation, bind: [Endpoint]) {
      self.name = name
      self.location = location
      self.bind = bind
    }
  }

  /// Requests for a host and below a path go to a pool.
  public struct Route: Sendable, Equatable {
    /// Without port, lower case; `*.example.com` takes every name below; nil takes all.
    public var host: String? = nil
    /// A prefix that ends at a `/` or at the path's end; nil takes all.
    public var path: String? = nil
    public var pool: String
    public init(pool: String) { self.pool = pool }
  }

  public struct Pool: Sendable, Equatable {
    public enum Balance: String, Sendable, CaseIterable {
      case leastConnections = "least-connections"
      case roundRobin = "round-robin"
    }
    /// The versions of the PROXY protocol.
    public enum ProxyProtocol: String, Sendable, CaseIterable { case v1, v2 }

    /// Unique among the pools.
    public var name: String
    public var location: SourceLocation
    public var balance = Balance.leastConnections
    /// At least one.
    public var backends: [Backend]
    /// Adds X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host to the request's head.
    public var forwardedHeaders = false
    /// The PROXY header that goes ahead of all else to a backend; nil sends none.
    public var proxyProtocol: ProxyProtocol? = nil
    public var retry = Retry()

    public init(name: String, location: SourceLocation, backends: [Backend]) {
      self.name = name
      self.location = location
      self.backends = backends
    }
  }

  public struct Backend: Sendable, Equatable {
    /// Unique within the pool. Without a name in the file: the address.
    public var name: String
    public var address: Endpoint
    public var weight = 100
    /// Live connections at most; nil is no limit.
    public var connections: Int? = nil
    public var orders = Orders()
    public init(name: String, address: Endpoint) {
      self.name = name
      self.address = address
    }
  }

  public struct Retry: Sendable, Equatable {
    /// Backends tried for one connection, the first included.
    public var attempts = 3
    public init() {}
  }

  public struct Drain: Sendable, Equatable {
    /// From the signal to the end of the last connection.
    public var window = Duration.seconds(30)
    public init() {}
  }

  public struct Log: Sendable, Equatable {
    public enum Level: String, Sendable, CaseIterable {
      case trace, debug, info, notice, warning, error, critical
    }
    public var level = Level.info
    /// Where the line per ended connection goes: a path, `stdout`, `stderr`; nil writes none.
    public var connections: String? = nil
    public init() {}
  }

  public struct Admin: Sendable, Equatable {
    public enum Level: String, Sendable, CaseIterable { case user, `operator`, admin }
    public struct StatsSocket: Sendable, Equatable {
      public var path: String
      /// Permission bits of the socket's file.
      public var mode: UInt16 = 0o600
      public var level = Level.admin
      public init(path: String) { self.path = path }
    }
    public var statsSocket: StatsSocket? = nil
    public init() {}
  }
}
