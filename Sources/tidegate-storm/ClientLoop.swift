import Basics

/// Something that a load wants to do for a client at a time.
struct Alarm {
  enum Kind {
    case start, deadline, send, stop
    /// The client's own: the peer has had its time to close first.
    case goodbye
  }
  var client: Int
  /// Nil: whatever the client's attempt is by then.
  var attempt: UInt32?
  var kind: Kind
}

/// Turns the wheel for all clients of a process: sockets and alarms.
final class ClientLoop {
  let target: Target
  let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
  var generator: SeededGenerator
  weak var delegate: (any ClientDelegate)?
  private(set) var clients: [Client] = []
  private let poller = Poller()
  private var alarms = DueQueue<Alarm>()

  init(target: Target, seed: UInt64 = 1) {
    self.target = target
    generator = SeededGenerator(seed: seed)
  }

  deinit { scratch.deallocate() }

  /// A new client that does nothing yet.
  func makeClient(box: SessionBox? = nil, resume: Bool = false) -> Client {
    let client = Client(id: clients.count, loop: self)
    client.box = box
    client.resume = resume
    clients.append(client)
    return client
  }

  func watch(_ client: Client, _ descriptor: Int32) {
    poller.watch(descriptor, tag: UInt64(client.id) << 32 | UInt64(client.attempt))
  }

  /// Tells the delegate at `due`, unless the client has begun another attempt by then.
  func set(_ kind: Alarm.Kind, for client: Client, due: MonotonicTime) {
    alarms.add(Alarm(client: client.id, attempt: client.attempt, kind: kind), due: due)
  }

  /// Goes on until `end` or until `done` says so; tells whether it was `done`.
  @discardableResult
  func run(until end: MonotonicTime, _ done: () -> Bool) -> Bool {
    while !done() {
      let now = Clock.now()
      guard now < end else { return false }
      turn(until: min(end, alarms.nextDue ?? end), now: now)
      ringAlarms()
    }
    return true
  }

  private func turn(until due: MonotonicTime, now: MonotonicTime) {
    poller.wait(due.since(now)) { tag, ended in
      let client = clients[Int(tag >> 32)]
      // Of a socket that has been closed since, when the attempts differ.
      guard client.attempt == UInt32(truncatingIfNeeded: tag) else { return }
      client.ready(ended: ended, now: Clock.now())
    }
  }

  private func ringAlarms() {
    let now = Clock.now()
    while let alarm = alarms.take(now: now) {
      let client = clients[alarm.client]
      guard alarm.attempt == nil || alarm.attempt == client.attempt else { continue }
      if case .goodbye = alarm.kind {
        client.sayGoodbye()
        continue
      }
      delegate?.alarm(alarm.kind, of: client, now: now)
    }
  }
}
