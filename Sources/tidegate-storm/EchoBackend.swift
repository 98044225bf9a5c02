import Basics
import Glibc

/// Accepts, answers upgrades, sends every message back.
final class EchoBackend {
  struct Manner {
    var status: Int
    var retryAfter: Int?
    var delay: Duration
    /// Resets whom it accepts.
    var resets = false
  }

  struct Counts: Encodable {
    var accepted = 0
    var upgraded = 0
    var refused = 0
    var messages = 0
    var closedInOrder = 0
    var closedOtherwise = 0
    var liveMax = 0
    /// Upgrades in each second from the first on.
    var upgradedPerSecond: [Int] = []
  }

  let manner: Manner
  var counts = Counts()
  let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
  private let poller = Poller()
  private var listeners: [Int32] = []
  /// By descriptor.
  private var connections: [EchoConnection?] = []
  private var generation: UInt32 = 0
  private var live = 0
  private var delayed = DueQueue<(descriptor: Int32, generation: UInt32)>()
  private var firstUpgrade: MonotonicTime?

  init(manner: Manner) { self.manner = manner }

  deinit { scratch.deallocate() }

  func listen(at address: IPAddress, port: UInt16) throws(SocketError) {
    let listener = try StreamSocket.listen(at: address, port: port)
    listeners.append(listener)
    poller.watch(listener, tag: UInt64(listener), edgeTriggered: false)
  }

  func run(until end: MonotonicTime) {
    while !Termination.isAsked {
      let now = Clock.now()
      guard now < end else { return }
      // Looks up at least twice a second: the signal may come between the look and the wait.
      let due = min(end, delayed.nextDue ?? end, now + .milliseconds(500))
      poller.wait(due.since(now)) { tag, ended in event(tag, ended) }
      answerDelayed()
    }
  }

  func countUpgrade(_ now: MonotonicTime) {
    counts.upgraded += 1
    let first = firstUpgrade ?? now
    firstUpgrade = first
    let second = Int(now.since(first).inSeconds)
    while counts.upgradedPerSecond.count <= second { counts.upgradedPerSecond.append(0) }
    counts.upgradedPerSecond[second] += 1
  }

  func delay(_ connection: EchoConnection) {
    delayed.add((connection.descriptor, connection.generation), due: Clock.now() + manner.delay)
  }

  private func answerDelayed() {
    while let (descriptor, generation) = delayed.take(now: Clock.now()) {
      guard let connection = connections[Int(descriptor)], connection.generation == generation else {
        continue
      }
      connection.answer()
      connection.flush()
      if connection.isOver { remove(connection) }
    }
  }

  private func event(_ tag: UInt64, _ ended: Bool) {
    let descriptor = Int32(truncatingIfNeeded: tag & 0xffff_ffff)
    if listeners.contains(descriptor) { return acceptAll(descriptor) }
    guard let connection = connections[Int(descriptor)],
      connection.generation == UInt32(truncatingIfNeeded: tag >> 32)
    else { return }
    connection.ready(ended: ended)
    if connection.isOver { remove(connection) }
  }

  private func acceptAll(_ listener: Int32) {
    // Bounded, so that those who are in aren't kept waiting by a storm.
    for _ in 0..<64 {
      if manner.resets {
        guard StreamSocket.acceptAndReset(listener) else { return }
        counts.accepted += 1
        counts.refused += 1
        continue
      }
      guard let descriptor = StreamSocket.accept(listener) else { return }
      generation &+= 1
      while connections.count <= Int(descriptor) { connections.append(nil) }
      connections[Int(descriptor)] = EchoConnection(
        descriptor: descriptor, generation: generation, backend: self)
      poller.watch(descriptor, tag: UInt64(generation) << 32 | UInt64(descriptor))
      counts.accepted += 1
      live += 1
      counts.liveMax = max(counts.liveMax, live)
    }
  }

  private func remove(_ connection: EchoConnection) {
    connections[Int(connection.descriptor)] = nil
    live -= 1
    if connection.isClosedInOrder { counts.closedInOrder += 1 } else { counts.closedOtherwise += 1 }
  }
}
