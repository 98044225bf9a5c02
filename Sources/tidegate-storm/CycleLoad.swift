import Basics

final class CycleLoad: ClientDelegate {
  private let loop: ClientLoop
  private let count: Int
  private let timeout: Duration
  private let resume: Bool
  private var begun = 0
  private var done = 0
  private var resumed = 0
  private var failures: [String: Int] = [:]
  private var latencies = Latencies()

  init(target: Target, count: Int, concurrency: Int, resume: Bool, timeout: Duration) {
    loop = ClientLoop(target: target)
    self.count = count
    self.timeout = timeout
    self.resume = resume
    for _ in 0..<concurrency { _ = loop.makeClient(box: resume ? SessionBox() : nil, resume: resume) }
    loop.delegate = self
  }

  func run() -> CycleReport {
    let begin = Clock.now()
    for client in loop.clients { next(client, now: Clock.now()) }
    let finished = loop.run(until: begin + .seconds(3600)) { done == count }
    if !finished { failures["not done in an hour", default: 0] += count - done }
    let seconds = Clock.now().since(begin).inSeconds
    return CycleReport(
      cycles: done, resumed: resumed, expectedResumed: resume ? count - loop.clients.count : 0,
      failures: failures, seconds: seconds, cyclesPerSecond: Double(done) / seconds,
      latency: LatencyFigures(latencies))
  }

  /// Where the first client's session is.
  var firstBox: SessionBox? { loop.clients.first?.box }

  private func next(_ client: Client, now: MonotonicTime) {
    guard begun < count else { return }
    begun += 1
    client.began = now
    client.connect(now: now)
    loop.set(.deadline, for: client, due: now + timeout)
  }

  private func settle(_ client: Client, failure: String?, now: MonotonicTime) {
    done += 1
    latencies.record(now.since(client.began))
    if let failure { failures[failure, default: 0] += 1 }
    next(client, now: now)
  }

  func opened(_ client: Client, now: MonotonicTime) { client.closeInOrder(now: now) }

  func received(_ payload: UnsafeRawBufferPointer, by client: Client, now: MonotonicTime) {
    failures["a message that nobody asked for", default: 0] += 1
  }

  func ended(_ ending: Ending, of client: Client, now: MonotonicTime) {
    if client.wasResumed { resumed += 1 }
    if case .closed(truncated: false) = ending {
      settle(client, failure: nil, now: now)
    } else {
      settle(client, failure: "\(ending)", now: now)
    }
  }

  func alarm(_ kind: Alarm.Kind, of client: Client, now: MonotonicTime) {
    guard client.phase != .idle else { return }
    let phase = client.phase
    client.drop()
    settle(client, failure: "timed out while \(phase)", now: now)
  }
}
