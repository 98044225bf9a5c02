import Basics

/// Many established connections: opened a few at a time, watched, and closed in order. Loads on established
/// connections inherit from it.
class Fleet: ClientDelegate {
  let loop: ClientLoop
  private(set) var opened = 0
  private(set) var closed = 0
  private(set) var resumed = 0
  /// What went wrong, by its text.
  private(set) var failures: [String: Int] = [:]
  private let opening: Int
  private var started = 0
  private var isClosing = false
  private static let deadline = Duration.seconds(30)

  /// `opening` is how many connections may be on their way at once.
  init(target: Target, connections: Int, opening: Int) {
    loop = ClientLoop(target: target)
    self.opening = opening
    for _ in 0..<connections { _ = loop.makeClient() }
    loop.delegate = self
  }

  /// Opens all connections; false when one failed.
  func openAll() -> Bool {
    startMore()
    loop.run(until: Clock.now() + .seconds(600)) { opened == loop.clients.count || !failures.isEmpty }
    return opened == loop.clients.count && failures.isEmpty
  }

  /// Closes those that are still open, a few at a time; at most 60 s.
  func closeAll() {
    isClosing = true
    let open = loop.clients.filter { $0.phase == .open }
    let failed = failureCount
    var begun = 0
    loop.run(until: Clock.now() + .seconds(60)) {
      while begun < open.count, begun - closed - (failureCount - failed) < opening {
        open[begun].closeInOrder(now: Clock.now())
        begun += 1
      }
      return closed + failureCount - failed >= open.count
    }
    let missing = open.count - closed - (failureCount - failed)
    if missing > 0 { fail("not closed in order within 60 s", missing) }
  }

  private var failureCount: Int { failures.values.reduce(0, +) }

  func fail(_ text: String, _ count: Int = 1) { failures[text, default: 0] += count }

  private func startMore() {
    while started < loop.clients.count, started - opened < opening, failures.isEmpty {
      let client = loop.clients[started]
      started += 1
      let now = Clock.now()
      client.connect(now: now)
      loop.set(.deadline, for: client, due: now + Self.deadline)
    }
  }

  func opened(_ client: Client, now: MonotonicTime) {
    opened += 1
    startMore()
  }

  func received(_ payload: UnsafeRawBufferPointer, by client: Client, now: MonotonicTime) {
    fail("a message that nobody asked for")
  }

  func ended(_ ending: Ending, of client: Client, now: MonotonicTime) {
    if isClosing, case .closed(truncated: false) = ending {
      closed += 1
    } else {
      fail("\(ending)")
    }
  }

  func alarm(_ kind: Alarm.Kind, of client: Client, now: MonotonicTime) {
    guard case .deadline = kind else { return }
    if [.connecting, .handshaking, .upgrading].contains(client.phase) { fail("not open in time") }
  }
}
