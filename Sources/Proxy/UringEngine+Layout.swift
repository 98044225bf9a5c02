internal import Glibc
internal import Uring

extension UringEngine {
  /// How many rings there are, and how big.
  struct Layout {
    var connections: Int
    var ringCount: Int
    /// Slots of each ring for accepted sockets, and for those that we connect.
    var acceptedSlots: Int
    var outgoingSlots: Int
    var size = Ring.Size()

    /// The kernel's own limit to a table (IORING_MAX_FIXED_FILES), whatever RLIMIT_NOFILE says.
    static let slotsMax = 1 << 20

    init(connections: Int, ringCount: Int, acceptedSlots: Int, outgoingSlots: Int) {
      self.connections = connections
      self.ringCount = ringCount
      self.acceptedSlots = acceptedSlots
      self.outgoingSlots = outgoingSlots
    }

    /// As few rings as go, each with slots to spare.
    init(connections: Int, slotLimit: Int = Self.slotLimit()) {
      let half = slotLimit / 2
      let ringCount = Self.ringCount(connections: connections, slotLimit: slotLimit)
      let share = (connections + ringCount - 1) / ringCount
      self.init(
        connections: connections, ringCount: ringCount,
        acceptedSlots: min(half, share + Self.spare(share)),
        outgoingSlots: min(half, share + Self.spare(share)))
    }

    static func ringCount(connections: Int, slotLimit: Int) -> Int {
      let half = slotLimit / 2
      // One ring: only closes on their way need spare slots. Several: the kernel spreads clients by chance.
      if connections + 64 <= half { return 1 }
      let share = max(1, half - spare(half))
      return min(255, (connections + share - 1) / share)
    }

    /// Slots beyond a ring's share of the connections.
    private static func spare(_ share: Int) -> Int { 64 + share / 16 }

    /// Slots that the kernel lets a ring's table have: liburing raises the soft limit to the hard one if need be.
    static func slotLimit() -> Int {
      var limit = rlimit()
      guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
      return min(slotsMax, Int(clamping: limit.rlim_max))
    }
  }

  /// How many rings an engine for so many connections has: as many listening sockets does each of its listeners
  /// need.
  public static func ringCount(connections: Int) -> Int {
    Layout.ringCount(connections: connections, slotLimit: Layout.slotLimit())
  }
}
