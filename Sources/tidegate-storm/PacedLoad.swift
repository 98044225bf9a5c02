import Basics

/// Echoes at due times, however late the answers are: of an established connection that stalls, the whole stall
/// is seen (Tene: "coordinated omission").
class PacedLoad: Fleet {
  let pattern: Pattern
  var sent = 0
  var echoed = 0
  var mismatches = 0
  var latencies = Latencies()
  /// Due times of the messages that haven't come back, by client, oldest first.
  private var due: [[MonotonicTime]]
  private var interval = Duration.zero
  private var isOver = false

  init(target: Target, connections: Int, opening: Int, size: Int) {
    pattern = Pattern(size: size)
    due = Array(repeating: [], count: connections)
    super.init(target: target, connections: connections, opening: opening)
  }

  /// Starts sending; the clients are spread over the interval evenly.
  func pace(every interval: Duration) {
    self.interval = interval
    let now = Clock.now()
    for client in loop.clients {
      client.began = now + interval * client.id / loop.clients.count
      loop.set(.send, for: client, due: client.began)
    }
  }

  /// No more messages; waits for those on their way.
  func endPace() {
    isOver = true
    loop.run(until: Clock.now() + .seconds(10)) { echoed == sent || !failures.isEmpty }
    if echoed != sent { fail("no echo within 10 s", sent - echoed) }
  }

  override func alarm(_ kind: Alarm.Kind, of client: Client, now: MonotonicTime) {
    guard case .send = kind else { return super.alarm(kind, of: client, now: now) }
    guard !isOver, client.phase == .open else { return }
    due[client.id].append(client.began)
    sent += 1
    pattern.with(client.id &+ client.messages) { client.send($0, now: now) }
    client.began = client.began + interval
    loop.set(.send, for: client, due: client.began)
  }

  override func received(_ payload: UnsafeRawBufferPointer, by client: Client, now: MonotonicTime) {
    guard !due[client.id].isEmpty else { return fail("a message that nobody asked for") }
    let number = client.id &+ client.messages - due[client.id].count
    if !pattern.matches(payload, number) { mismatches += 1 }
    let latency = Clock.now().since(due[client.id].removeFirst())
    echoed += 1
    latencies.record(latency)
    measured(latency)
  }

  func measured(_ latency: Duration) {}
}
