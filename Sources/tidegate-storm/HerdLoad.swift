import Basics

/// The herd: each client for itself, none waits for another.
final class HerdLoad: ClientDelegate {
  private enum State { case outside, admitted, left, gaveUp }

  private let loop: ClientLoop
  private let herd: HerdArguments
  private var states: [State]
  private var firstAttempt: [MonotonicTime?]
  private var backoffStep: [Int]
  private var ledger = HerdLedger()
  private let ping = Pattern(size: 32)
  private let primer: SessionBox?
  private static let immediately = Duration.milliseconds(10)

  init(target: Target, herd: HerdArguments) throws {
    self.herd = herd
    primer = herd.resumedShare > 0 ? try Self.session(target) : nil
    loop = ClientLoop(target: target, seed: herd.seed)
    states = Array(repeating: .outside, count: herd.clients)
    firstAttempt = Array(repeating: nil, count: herd.clients)
    backoffStep = Array(repeating: 0, count: herd.clients)
    for index in 0..<herd.clients {
      // Evenly mixed, whatever the share.
      let share = herd.resumedShare
      let resumes = Int(Double(index + 1) * share) > Int(Double(index) * share)
      _ = loop.makeClient(box: resumes ? primer : nil, resume: resumes)
    }
    loop.delegate = self
  }

  struct NoSession: Error, CustomStringConvertible {
    var description: String { "the server gave no TLS session to come back with" }
  }

  /// One connection before the storm, for a session that many can come back with.
  private static func session(_ target: Target) throws -> SessionBox {
    let load = CycleLoad(target: target, count: 1, concurrency: 1, resume: true, timeout: .seconds(10))
    guard load.run().isGood, let box = load.firstBox, box.bytes != nil else { throw NoSession() }
    return box
  }

  func run() -> HerdReport {
    let begin = Clock.now()
    ledger.began = begin
    for client in loop.clients {
      guard let rate = herd.arrivalRate else {
        attempt(client, now: Clock.now())
        continue
      }
      loop.set(.start, for: client, due: begin + .nanoseconds(Int64(Double(client.id) / rate * 1e9)))
    }
    loop.run(until: begin + herd.seconds.duration) { ledger.settled == herd.clients }
    let outside = states.count { $0 == .outside }
    return ledger.report(clients: herd.clients, outside: outside)
  }

  private func attempt(_ client: Client, now: MonotonicTime) {
    client.began = now
    if firstAttempt[client.id] == nil { firstAttempt[client.id] = now }
    ledger.count(now) { $0.attempts += 1 }
    client.connect(now: now)
    if client.phase != .idle { loop.set(.deadline, for: client, due: now + herd.timeout.duration) }
  }

  func opened(_ client: Client, now: MonotonicTime) {
    // For the client it is open: its backoff is reset, its timeout is over.
    backoffStep[client.id] = 0
    ledger.answered[client.id] = now
    ping.with(client.id) { client.send($0, now: now) }
  }

  func received(_ payload: UnsafeRawBufferPointer, by client: Client, now: MonotonicTime) {
    guard states[client.id] == .outside, ping.matches(payload, client.id) else {
      return ledger.fail("a wrong echo", now)
    }
    states[client.id] = .admitted
    ledger.admit(client, first: firstAttempt[client.id] ?? now, now: now)
    if let stay = herd.stay { loop.set(.stop, for: client, due: now + stay.duration) }
  }

  func ended(_ ending: Ending, of client: Client, now: MonotonicTime) {
    switch states[client.id] {
    case .outside:
      ledger.refuse(ending, client, now: now)
      comeBack(client, after: ending, now: now)
    case .admitted: ledger.lose()
    case .left:
      if case .closed = ending { return }
      ledger.fail("leaving: \(ending)", now)
    case .gaveUp: break
    }
  }

  func alarm(_ kind: Alarm.Kind, of client: Client, now: MonotonicTime) {
    switch kind {
    case .start: attempt(client, now: now)
    case .stop:
      states[client.id] = .left
      client.closeInOrder(now: now)
    case .deadline: deadline(client, now: now)
    case .send, .goodbye: break
    }
  }

  private func deadline(_ client: Client, now: MonotonicTime) {
    switch client.phase {
    case .idle, .open, .closing: return
    // Refused already; only the FIN is missing.
    case .lingering:
      let ending = client.ending ?? .finished
      client.drop()
      ended(ending, of: client, now: now)
    case .connecting, .handshaking, .upgrading:
      client.drop()
      ledger.count(now) { $0.timeouts += 1 }
      comeBack(client, after: nil, now: now)
    }
  }

  /// `ending` is nil after a timeout.
  private func comeBack(_ client: Client, after ending: Ending?, now: MonotonicTime) {
    let due = now + delay(client, after: ending)
    if let patience = herd.giveUp?.duration, due.since(firstAttempt[client.id] ?? now) > patience {
      states[client.id] = .gaveUp
      ledger.settled += 1
      ledger.count(now) { $0.gaveUp += 1 }
      return
    }
    loop.set(.start, for: client, due: due)
  }

  private func delay(_ client: Client, after ending: Ending?) -> Duration {
    if herd.retry == .immediate { return Self.immediately }
    if herd.retry == .retryAfter, case .answered(_, let seconds?) = ending {
      return .nanoseconds(Int64(max(0, min(seconds, 3600)) * 1e9))
    }
    // The close frame came at the slot that the server chose.
    if herd.retry == .retryAfter, case .closeCode = ending { return Self.immediately }
    let step = backoffStep[client.id]
    backoffStep[client.id] += 1
    let most = min(herd.backoffBase.duration * (1 << min(step, 20)), herd.backoffMax.duration)
    return most * Double.random(in: 0.5...1, using: &loop.generator)
  }
}
