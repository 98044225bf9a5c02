import Basics
import Proxy
import Simulation

/// The smallest driver that keeps the engine's rules: whatever a client sends goes to a backend and back.
/// So the simulated world can be tested apart from the worker.
struct TinyRelay: ~Copyable, SimulatedDriver {
  struct Leg {
    var socket = SocketHandle.none
    var toSend = BufferQueue()
    var sending = 0
    var inFlight = 0
    var isArmed = false
    var isCancelling = false
    var hasEnded = false
    var isShutDown = false
    var isLeaving = false
    var closes = false
  }

  struct Pair {
    var id = SlotID(index: 0, generation: 0)
    var legs = [Leg(), Leg()]
    var isConnected = false
    var isLeaving = false
    var activeAt: MonotonicTime
  }

  /// What it does wrong on purpose, to see that the world notices.
  enum Mistake { case none, touchesBuffers, closesTwice, leaksBuffers, armsTwice }

  static let patience = Duration.seconds(5)
  var engine: SimulatedEngine
  var pairs: SlotTable<Pair>
  var mistake: Mistake
  var slotsExhausted: UInt64 = 0

  init(engine: consuming SimulatedEngine, mistake: Mistake = .none) {
    pairs = SlotTable(capacity: engine.connectionCapacity)
    self.engine = engine
    self.mistake = mistake
    self.engine.startAccepting(listener: 0, descriptors: [])
  }

  var answersGarbage: Bool { false }
  var buffersTaken: Int { engine.buffers.takenCount }
  var exhaustions: UInt64 { engine.buffers.exhaustedCount + slotsExhausted }
  func leftovers() -> [String] { pairs.count == 0 ? [] : ["\(pairs.count) pairs are left"] }

  mutating func turn() -> Bool {
    engine.submitAndWait(until: pairs.count == 0 ? nil : engine.now + .milliseconds(50))
    while let completion = engine.nextCompletion() { handle(completion) }
    for index in 0..<pairs.indexLimit { if let id = pairs.tenant(at: index) { lookAfter(id) } }
    return true
  }

  // MARK: Completions

  private mutating func handle(_ completion: Completion) {
    let operation = Operation(rawValue: completion.token.operation)!
    if operation == .accept { return accept(completion) }
    guard let pair = pairs.pointer(completion.token.slot) else { return }
    let side = operation.rawValue < Operation.backendConnect.rawValue ? 0 : 1
    if !completion.more { pair.pointee.legs[side].inFlight -= 1 }
    switch operation {
    case .clientReceive, .backendReceive: received(pair, side, completion)
    case .clientSend, .backendSend: sent(pair, side, completion.result)
    case .clientClose, .backendClose: pair.pointee.legs[side].socket = .none
    case .backendConnect:
      pair.pointee.isConnected = completion.result == 0
      if completion.result < 0 { pair.pointee.isLeaving = true }
    default: break
    }
  }

  private mutating func accept(_ completion: Completion) {
    if completion.result >= 0 { adopt(completion.socket) }
    if !completion.more { engine.resumeAccepting(listener: 0) }
  }

  private mutating func adopt(_ socket: SocketHandle) {
    guard let id = pairs.insert(Pair(activeAt: engine.now)), let pair = pairs.pointer(id) else {
      slotsExhausted += 1
      let nobody = SlotID(index: .max, generation: 0)
      return engine.close(
        socket, reset: true, CompletionToken(operation: Operation.clientClose.rawValue, slot: nobody))
    }
    pair.pointee.id = id
    pair.pointee.legs[0].socket = socket
    let address = Simulation.backendEndpoints[Int(id.index) % 3]
    guard
      let backend = engine.connect(
        to: address, beside: socket, isFollowed: false, token(.backendConnect, pair))
    else {
      return pair.pointee.isLeaving = true
    }
    pair.pointee.legs[1].socket = backend
    pair.pointee.legs[1].inFlight = 1
  }

  private mutating func received(_ pair: UnsafeMutablePointer<Pair>, _ side: Int, _ completion: Completion) {
    if !completion.more {
      pair.pointee.legs[side].isArmed = false
      pair.pointee.legs[side].isCancelling = false
    }
    if completion.result > 0 {
      pair.pointee.activeAt = engine.now
      if pair.pointee.isLeaving {
        if mistake != .leaksBuffers { engine.buffers.give(completion.buffer) }
      } else {
        pair.pointee.legs[1 - side].toSend.append(completion.buffer, in: &engine.buffers)
      }
    } else if completion.result == 0 {
      pair.pointee.legs[side].hasEnded = true
    } else if ![-105, -125].contains(completion.result) {
      // Neither ENOBUFS nor ECANCELED.
      pair.pointee.isLeaving = true
    }
  }

  private mutating func sent(_ pair: UnsafeMutablePointer<Pair>, _ side: Int, _ result: Int32) {
    var bytes = 0
    for _ in 0..<pair.pointee.legs[side].sending {
      let buffer = pair.pointee.legs[side].toSend.removeFirst(in: engine.buffers)!
      bytes += engine.buffers.count(buffer)
      engine.buffers.give(buffer)
    }
    pair.pointee.legs[side].sending = 0
    pair.pointee.activeAt = engine.now
    if result != bytes { pair.pointee.isLeaving = true }
  }

  private func token(_ operation: Proxy.Operation, _ pair: UnsafeMutablePointer<Pair>) -> CompletionToken {
    CompletionToken(operation: operation.rawValue, slot: pair.pointee.id)
  }
}

// MARK: After the completions

extension TinyRelay {
  static let receive = [Proxy.Operation.clientReceive, .backendReceive]
  static let send = [Proxy.Operation.clientSend, .backendSend]
  static let shutdown = [Proxy.Operation.clientShutdown, .backendShutdown]
  static let cancel = [Proxy.Operation.clientCancel, .backendCancel]
  static let close = [Proxy.Operation.clientClose, .backendClose]

  private mutating func lookAfter(_ id: SlotID) {
    guard let pair = pairs.pointer(id) else { return }
    let legs = pair.pointee.legs
    if engine.now > pair.pointee.activeAt + Self.patience { pair.pointee.isLeaving = true }
    if legs.allSatisfy({ $0.hasEnded && $0.isShutDown && $0.sending == 0 }) { pair.pointee.isLeaving = true }
    if pair.pointee.isLeaving { return leave(pair) }
    for side in 0..<2 where side == 0 || pair.pointee.isConnected {
      flush(pair, side)
      arm(pair, side)
    }
  }

  private mutating func flush(_ pair: UnsafeMutablePointer<Pair>, _ side: Int) {
    guard pair.pointee.legs[side].sending == 0 else { return }
    if !pair.pointee.legs[side].toSend.isEmpty {
      let queue = pair.pointee.legs[side].toSend
      pair.pointee.legs[side].sending = engine.send(
        pair.pointee.legs[side].socket, queue, isLast: false, token(Self.send[side], pair))
      pair.pointee.legs[side].inFlight += 1
      if mistake == .touchesBuffers, let byte = engine.buffers.bytes(queue.head).first {
        engine.buffers.bytes(queue.head)[0] = ~byte
      }
    } else if pair.pointee.legs[1 - side].hasEnded && !pair.pointee.legs[side].isShutDown {
      pair.pointee.legs[side].isShutDown = true
      pair.pointee.legs[side].inFlight += 1
      engine.shutdown(pair.pointee.legs[side].socket, token(Self.shutdown[side], pair))
    }
  }

  private mutating func arm(_ pair: UnsafeMutablePointer<Pair>, _ side: Int) {
    let leg = pair.pointee.legs[side]
    let isFull = pair.pointee.legs[1 - side].toSend.bufferCount >= 2
    if leg.isArmed && isFull && !leg.isCancelling { return stopReceiving(pair, side) }
    guard !leg.isArmed || mistake == .armsTwice, !leg.hasEnded, !isFull, engine.buffers.freeCount > 0 else {
      return
    }
    pair.pointee.legs[side].isArmed = true
    pair.pointee.legs[side].inFlight += 1
    engine.receive(leg.socket, multishot: true, token(Self.receive[side], pair))
  }

  private mutating func stopReceiving(_ pair: UnsafeMutablePointer<Pair>, _ side: Int) {
    pair.pointee.legs[side].isCancelling = true
    cancel(pair, side, Self.receive[side])
  }

  private mutating func cancel(
    _ pair: UnsafeMutablePointer<Pair>, _ side: Int, _ operation: Proxy.Operation
  ) {
    pair.pointee.legs[side].inFlight += 1
    engine.cancel(token(operation, pair), on: pair.pointee.legs[side].socket, token(Self.cancel[side], pair))
  }

  /// Cancels what is in flight, then closes, then gives everything back.
  private mutating func leave(_ pair: UnsafeMutablePointer<Pair>) {
    for side in 0..<2 {
      let leg = pair.pointee.legs[side]
      guard !leg.socket.isNone, !leg.closes else { continue }
      if leg.inFlight == 0 {
        pair.pointee.legs[side].closes = true
        let both = pair.pointee.legs.allSatisfy(\.hasEnded)
        engine.close(leg.socket, reset: !both, token(Self.close[side], pair))
        if mistake == .closesTwice { engine.close(leg.socket, reset: !both, token(Self.close[side], pair)) }
        pair.pointee.legs[side].inFlight += 1
      } else if !leg.isLeaving {
        pair.pointee.legs[side].isLeaving = true
        cancelAll(pair, side, leg)
      }
    }
    guard pair.pointee.legs.allSatisfy({ $0.socket.isNone && $0.inFlight == 0 }) else { return }
    for side in 0..<2 { pair.pointee.legs[side].toSend.removeAll(in: &engine.buffers) }
    pairs.remove(pair.pointee.id)
  }

  private mutating func cancelAll(_ pair: UnsafeMutablePointer<Pair>, _ side: Int, _ leg: Leg) {
    if leg.isArmed { cancel(pair, side, Self.receive[side]) }
    if leg.sending > 0 { cancel(pair, side, Self.send[side]) }
    if side == 1 && !pair.pointee.isConnected { cancel(pair, side, .backendConnect) }
  }
}
