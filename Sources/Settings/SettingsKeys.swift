internal import Basics

// The tables of the file's general keys: name, place in the model (where the default stands), type and range.

extension Settings {
  static var keys: [Key<Self>] {
    [
      Key(
        "workers", optional: \.workers, .integer(1...64, expected: "a number of threads or auto"),
        none: "auto", effect: .restart),
      Key("limits", \.limits, .mapping("limits", Limits.keys, make: { _ in Limits() }, finish: Limits.check)),
      Key(
        "waiting_room", \.waitingRoom,
        .mapping("the waiting room", WaitingRoom.keys, make: { _ in WaitingRoom() })),
      Key("refusal", \.refusal, .mapping("refusals", Refusal.keys, make: { _ in Refusal() })),
      Key("relay", \.relay, .mapping("the relay", Relay.keys, make: { _ in Relay() }, finish: Relay.check)),
      Key("deadlines", \.deadlines, .mapping("deadlines", Deadlines.keys, make: { _ in Deadlines() })),
      Key(
        "listeners", \.listeners,
        .nonemptyList(of: Listener.type).named("listener", by: \.name, element: Listener.type),
        required: true),
      Key("pools", \.pools, .list(of: Pool.type).named("pool", by: \.name, element: Pool.type)),
      Key("drain", \.drain, .mapping("the drain", Drain.keys, make: { _ in Drain() })),
      Key("log", \.log, .mapping("the log", Log.keys, make: { _ in Log() })),
      Key("admin", \.admin, .mapping("the administration", Admin.keys, make: { _ in Admin() })),
      Key(
        "realtime_priority", optional: \.realtimePriority,
        .integer(1...99, expected: "a priority from 1 to 99 or off"), none: "off", effect: .restart),
      Key("user", optional: \.user, .account, effect: .restart),
    ]
  }
}

extension Settings.Limits {
  static var keys: [Key<Self>] {
    [
      Key("connections", \.connections, .integer(1...2_000_000), effect: .restartToGrow),
      Key("connection_rate", optional: \.connectionRate, .rate, none: "off"),
      Key("connection_burst", optional: \.connectionBurst, .burst),
      Key(
        "handshake_cpu", optional: \.handshakeCPU, .share(expected: "a percentage such as 60% or off"),
        none: "off"),
      Key(
        "per_address", \.perAddress,
        .mapping(
          "an address's limits", Settings.PerAddress.keys, make: { _ in Settings.PerAddress() },
          finish: Settings.PerAddress.check)),
      Key("buffer_memory", \.bufferMemory, .size(.mebibytes(1) ... .gibibytes(1024)), effect: .restart),
      Key("head", \.head, .size(.kibibytes(1) ... .kibibytes(16))),
      Key("headers", \.headers, .integer(1...1000)),
    ]
  }

  static func check(_ limits: inout Self, _ reader: MappingReader) {
    reader.checkBurst("connection_burst", limits.connectionBurst, rate: limits.connectionRate)
  }
}

extension Settings.Relay {
  static var keys: [Key<Self>] {
    [
      Key("high_water", \.highWater, .size(.kibibytes(16) ... .mebibytes(64))),
      Key("low_water", \.lowWater, .size(ByteCount(0) ... .mebibytes(64))),
      Key("coalesce", \.coalesce, .duration(.zero ... .milliseconds(1))),
    ]
  }

  static func check(_ relay: inout Self, _ reader: MappingReader) {
    guard reader.isSound("low_water"), reader.isSound("high_water"), relay.lowWater > relay.highWater else {
      return
    }
    let (low, high) = (ScalarText.text(relay.lowWater), ScalarText.text(relay.highWater))
    reader.report("low_water", "low_water must be at most high_water (\(high)), got \(low)")
  }
}

extension Settings.Deadlines {
  static var keys: [Key<Self>] {
    let range = Duration.milliseconds(1) ... .seconds(365 * 86400)
    return [
      Key("first_byte", \.firstByte, .duration(range)),
      Key("handshaking", \.handshaking, .duration(range)),
      Key("upgrading", \.upgrading, .duration(range)),
      Key("connecting", \.connecting, .duration(range)),
      Key("idle", \.idle, .duration(range)),
      Key("closing", \.closing, .duration(range)),
    ]
  }
}

extension Settings.Drain {
  static var keys: [Key<Self>] { [Key("window", \.window, .duration(.zero ... .seconds(7 * 86400)))] }
}

extension Settings.Log {
  static var keys: [Key<Self>] {
    [
      Key("level", \.level, .word),
      Key("connections", optional: \.connections, .path(except: ["stdout", "stderr"]), none: "off"),
    ]
  }
}

extension Settings.Admin {
  static var keys: [Key<Self>] {
    [
      Key(
        "stats_socket", optional: \.statsSocket,
        .mapping("the stats socket", StatsSocket.keys, make: { _ in StatsSocket(path: "") }), none: "off")
    ]
  }
}

extension Settings.Admin.StatsSocket {
  static var keys: [Key<Self>] {
    [
      Key("path", \.path, .path(limit: 107), required: true),
      Key("mode", \.mode, .permissions),
      Key("level", \.level, .word),
    ]
  }
}
