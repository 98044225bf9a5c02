internal import Basics
internal import Dispatch
internal import Policy
internal import Settings
internal import Telemetry
internal import Wire

/// The control plane's commands, carried out between two turns.
extension Worker where Engine: ~Copyable {
  mutating func takeCommands() {
    for (command, done) in shared.mailbox.takeAll() {
      switch command {
      case .apply(let topology): apply(topology)
      case .drain(let deadline): startDrain(deadline)
      case .stop: isStopped = true
      }
      done.signal()
    }
  }

  private mutating func apply(_ next: Topology) {
    let isDraining = if case .no = drain { false } else { true }
    topology = next
    let settings = next.settings
    admission.reload(listeners: next.gates, handshakeShare: settings.limits.handshakeCPU, now: now)
    refusals.change(share: settings.refusal.cpu, now: now)
    guard !isDraining else { return }
    for index in binds.indices where binds[index] != nil {
      if let same = next.binds.first(where: { $0.index == index }) {
        binds[index] = same
      } else {
        stopAccepting(index)
      }
    }
    for bind in next.binds where bind.index >= binds.count || binds[bind.index] == nil {
      startAccepting(bind)
    }
  }

  private mutating func stopAccepting(_ index: Int) {
    engine.stopAccepting(listener: UInt32(index))
    binds[index] = nil
  }

  private mutating func startDrain(_ deadline: MonotonicTime) {
    if case .no = drain {
      for index in binds.indices where binds[index] != nil { stopAccepting(index) }
    }
    drain = .until(deadline)
  }

  /// Shortly before the drain's end every connection is told to go; at its end the worker stops.
  mutating func continueDrain() {
    switch drain {
    case .no: break
    case .until(let end):
      if now >= noticeTime(end) {
        drain = .ending(end)
        closeAll()
      }
    case .ending(let end):
      if now >= end { isStopped = true }
    }
  }

  /// When connections are told to go, ahead of the drain's end.
  func noticeTime(_ end: MonotonicTime) -> MonotonicTime {
    guard end != .distantFuture else { return end }
    let notice = min(topology.settings.deadlines.closing, topology.settings.drain.window / 2)
    return MonotonicTime(nanoseconds: end.nanoseconds - min(end.nanoseconds, notice.clampedNanoseconds))
  }

  private mutating func closeAll() {
    for index in 0..<connections.indexLimit {
      guard let id = connections.tenant(at: index), let c = connections.pointer(id) else { continue }
      if c.pointee.phase == .relaying { announceRestart(c) }
      close(c, by: .operator, .drained, .orderly)
      continueClosing(id)
    }
  }

  /// Tells a WebSocket client in its own language that the service restarts, where a frame may stand.
  private mutating func announceRestart(_ c: ConnectionPointer) {
    guard c.pointee.exchange == .webSocket, c.pointee.fromBackend.isAtFrameBoundary,
      !c.pointee.fromBackend.sawClose, c.pointee.backend.received.isEmpty
    else { return }
    _ = CloseFrame.encode(code: CloseFrame.serviceRestart, reason: "service restart").withUnsafeBytes {
      sealForClient(c, $0)
    }
  }
}
