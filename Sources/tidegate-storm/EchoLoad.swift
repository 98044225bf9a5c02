import Basics

final class EchoLoad: Fleet {
  private let pattern: Pattern
  private let count: Int
  private var sent = 0
  private var echoed = 0
  private var mismatches = 0
  private var isOver = false
  private var latencies = Latencies()

  /// A `count` of 0 has no end.
  init(target: Target, connections: Int, opening: Int, size: Int, count: Int) {
    pattern = Pattern(size: size)
    self.count = count
    super.init(target: target, connections: connections, opening: opening)
  }

  func run(for time: Duration) -> EchoReport {
    let begin = Clock.now()
    for client in loop.clients { next(client, now: Clock.now()) }
    loop.run(until: begin + time) { isDone || !failures.isEmpty }
    let seconds = Clock.now().since(begin).inSeconds
    // What is in flight comes home before the connections close.
    isOver = true
    loop.run(until: Clock.now() + .seconds(10)) { echoed == sent || !failures.isEmpty }
    if echoed != sent { fail("no echo within 10 s", sent - echoed) }
    closeAll()
    return EchoReport(
      messages: echoed, expectedMessages: count, mismatches: mismatches, failures: failures,
      seconds: seconds, messagesPerSecond: Double(echoed) / seconds, latency: LatencyFigures(latencies))
  }

  private var isDone: Bool { count > 0 && echoed >= count }

  private func next(_ client: Client, now: MonotonicTime) {
    guard !isOver, count == 0 || sent < count else { return }
    sent += 1
    client.began = now
    pattern.with(client.id &+ client.messages) { client.send($0, now: now) }
  }

  override func received(_ payload: UnsafeRawBufferPointer, by client: Client, now: MonotonicTime) {
    echoed += 1
    let now = Clock.now()
    latencies.record(now.since(client.began))
    if !pattern.matches(payload, client.id &+ client.messages - 1) { mismatches += 1 }
    next(client, now: now)
  }
}
