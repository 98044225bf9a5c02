internal import Basics
internal import Glibc
internal import Proxy

/// How time passes: only while the worker waits.
extension SimulatedWorld {
  /// Lets things happen until completions have come or the deadline has.
  func wait(until deadline: MonotonicTime?, _ pool: inout BufferPool) {
    // What the worker did since the last wait took a moment.
    now.nanoseconds += UInt64(pick(1...20)) * 1000 + (worked + preempted).clampedNanoseconds
    (worked, preempted) = (.zero, .zero)
    stallIfDue()
    if chance(faults.timeJumps) { now.nanoseconds += UInt64.random(in: 0...1_000_000_000, using: &random) }
    runDue(&pool)
    sleepsUntil = nil
    if chance(faults.spuriousWakeups) { return }
    while !hasReady {
      let limit = min(deadline ?? .distantFuture, horizon)
      guard let next = events.nextTime, next <= limit else {
        if limit == .distantFuture { isStuck = true } else { now = max(now, limit) }
        if limit == horizon {
          sleepsUntil = min(deadline ?? .distantFuture, events.nextTime ?? .distantFuture)
        }
        return
      }
      now = max(now, next)
      runDue(&pool)
    }
  }

  /// Once in a storm, the worker doesn't run for a while.
  private func stallIfDue() {
    guard let stall = storm?.stall, !hasStalled else { return }
    guard now >= Self.start + .microseconds(stall.at) else { return }
    hasStalled = true
    now = now + .microseconds(stall.microseconds)
    record("stall", stall.microseconds)
  }

  private func runDue(_ pool: inout BufferPool) {
    while let time = events.nextTime, time <= now, let event = events.pop() {
      run(event, &pool)
      if chance(faults.partialBatches) { return }
    }
  }

  private func wakeWorker() {
    let slot = SlotID(index: 0, generation: 0)
    complete(CompletionToken(operation: Operation.wake.rawValue, slot: slot), 0, on: nil, more: true)
  }

  private func run(_ event: WorldEvent, _ pool: inout BufferPool) {
    switch event {
    case .arrive(let client): arrive(client)
    case .wake: wakeWorker()
    case .client(let client): client.step(in: self)
    case .backend(let backend): backend.step(in: self)
    case .accept(let listener): acceptOne(listener)
    case .receive(let socket, let sequence): receiveSome(socket, sequence, &pool)
    case .send(let socket, let sequence): sendSome(socket, sequence, pool)
    case .shutdown(let socket, let token): finishProxySide(socket, token)
    case .address(let socket, let token): complete(token, chance(faults.droughts) ? -EMFILE : 0, on: socket)
    case .connect(let socket, let token, let result): endConnect(socket, token, result, pool)
    case .cancel(let socket, let target, let token): cancel(socket, target, token, pool)
    case .close(let socket, let reset, let token): startClose(socket, reset, token)
    }
  }
}
