internal import Basics

/// A scripted client: one connection, from its arrival to its end.
final class SimulatedClient {
  enum Outcome: Equatable {
    case underWay
    /// Everything as planned, checked byte for byte.
    case completed
    /// Ended by the proxy before a 101, with that status or without an answer (0).
    case refused(status: Int)
    /// Ended by the other side after the 101.
    case cut
    /// Refused with 101 and a close frame of this code.
    case held(code: UInt16)
    /// It did what it wasn't supposed to, and is gone.
    case misbehaved
  }

  let id: Int
  let listener = 0
  let plan: ClientPlan
  let key: UInt64
  var random: SeededGenerator
  var outcome = Outcome.underWay
  /// True exactly when something else than the proxy may have cost it its connection.
  var isExcused = false

  var socket: SimulatedSocket?
  var phase = ClientPlan.Phase.connected
  private var stepsInPhase = 0
  private(set) var messagesSent = 0
  private var hasStalled = false
  private var hasStoppedReading = false
  var hasFinished = false
  private var blindSteps = 0
  private static let blindStepsMax = 40
  private var isAwake = false
  var outbox = ByteStream()
  var inbox = ByteStream()
  /// What is still to come from the backend, byte for byte.
  private var expected = ByteStream()

  /// Where the worker is to take it to be.
  var address: Endpoint
  /// What the kernel says where it is; another than `address` behind a balancer.
  var peerAddress: Endpoint?
  /// What it, or the balancer ahead of it, sends before everything else.
  var preamble: [UInt8] = []
  /// How many backends have read its request.
  var requestsSeen = 0
  /// What came of it when it was refused with a 101.
  var held: HeldStory?
  /// True exactly when its address is on the deny list, and when its PROXY header is none.
  var isDenied = false
  var hasBrokenHeader = false
  /// True exactly when the worker has been told of its reset.
  var isSeenGone = false

  init(id: Int, plan: ClientPlan, random: SeededGenerator) {
    self.id = id
    self.plan = plan
    self.random = random
    key = self.random.next()
    address = .ip(IPAddress(ipv4: 0x0a00_0000 + UInt32(id)), port: 40_000)
  }

  var isDone: Bool { outcome != .underWay }
  /// True exactly when it has reset its connection.
  var hasReset: Bool {
    (plan.misbehaviour == .reset || plan.misbehaviour == .resetBlind) && outcome == .misbehaved
  }
  /// True exactly when it had its 101 and hadn't said goodbye.
  var wasExchanging: Bool { phase == .exchanging }
  var description: String {
    "client \(id): \(plan.kind), \(plan.misbehaviour.map { "\($0) in \(plan.phase)" } ?? "orderly"), "
      + "in \(phase), \(outcome), awaits \(expected.count) bytes"
  }

  func connected(_ socket: SimulatedSocket) {
    self.socket = socket
    outbox.append(preamble)
    switch plan.kind {
    case .webSocket: outbox.append(SimulatedHead.upgradeRequest(client: id, key: key))
    case .plainHTTP: outbox.append(SimulatedHead.plainRequest(client: id))
    case .garbage: outbox.append((0..<Int.random(in: 1...9000, using: &random)).map { _ in byte() })
    }
  }

  func isRefused() { outcome = .refused(status: 0) }

  /// Makes it look at its socket soon.
  func wake(in world: SimulatedWorld) {
    guard !isAwake, !isDone else { return }
    isAwake = true
    world.schedule(.client(self), in: 5...400)
  }

  func step(in world: SimulatedWorld) {
    isAwake = false
    guard !isDone, let socket else { return }
    world.record("client", id, phase.rawValue)
    defer { world.poke(socket) }
    if isDue(world) && !hasStalled { misbehave(socket) }
    if hasStalled { return endStall(socket) }
    guard !isDone else { return }
    stepsInPhase += 1
    if phase == .connected { enter(.requesting) }
    if !hasStoppedReading { read(socket, world) }
    guard !isDone else { return }
    addFrames()
    write(socket)
    if hasStoppedReading { endBlindness(socket) }
    if socket.isDeadForPeer || (!hasStoppedReading && socket.isAtEndForPeer) { end(socket) }
    if !isDone && wantsMore(socket) { wake(in: world) }
  }

  func enter(_ next: ClientPlan.Phase) {
    phase = next
    stepsInPhase = 0
  }

  /// Payloads are cut from it: making each of its own would take most of a run's time.
  private static let noise: [UInt8] = {
    var random = SeededGenerator(seed: 1)
    return (0..<80_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }()

  private func byte() -> UInt8 { UInt8.random(in: 0...255, using: &random) }

  private func wantsMore(_ socket: SimulatedSocket) -> Bool {
    let canWrite = !outbox.isEmpty && !hasFinished && socket.roomForPeer > 0
    let isBlindForGood = hasStoppedReading && plan.misbehaviour != .resetBlind
    let isWaitingToMisbehave = plan.misbehaviour != nil && !hasStalled && !isBlindForGood && !hasFinished
    return canWrite || (!socket.toPeer.isEmpty && !hasStoppedReading)
      || (isWaitingToMisbehave && phase.rawValue >= plan.phase.rawValue)
  }
}

// MARK: Misbehaving

extension SimulatedClient {
  private func isDue(_ world: SimulatedWorld) -> Bool {
    guard plan.misbehaviour != nil, !hasStoppedReading, !hasFinished else { return false }
    if let leavesAt = plan.leavesAt { return world.now >= leavesAt && phase.rawValue < 3 }
    return phase.rawValue > plan.phase.rawValue || (phase == plan.phase && stepsInPhase >= plan.patience)
  }

  private func misbehave(_ socket: SimulatedSocket) {
    switch plan.misbehaviour {
    case .reset:
      socket.peerReset()
      outcome = .misbehaved
    case .vanish:
      socket.peerClose()
      outcome = .misbehaved
    case .stall: hasStalled = true
    case .stopReading, .resetBlind: hasStoppedReading = true
    case .halfClose:
      hasFinished = true
      socket.peerFinish()
    case nil: break
    }
  }

  private func endBlindness(_ socket: SimulatedSocket) {
    blindSteps += 1
    if plan.misbehaviour == .resetBlind && blindSteps > Self.blindStepsMax {
      socket.peerReset()
      outcome = .misbehaved
    } else {
      endStall(socket)
    }
  }

  /// One who neither reads nor writes is rid of its connection only by the proxy's closing it.
  private func endStall(_ socket: SimulatedSocket) {
    guard socket.proxyClosed || socket.peerSeesReset else { return }
    socket.peerClose()
    outcome = .misbehaved
  }
}

// MARK: Reading and writing

extension SimulatedClient {
  private func write(_ socket: SimulatedSocket) {
    guard !outbox.isEmpty, !hasFinished else { return }
    let piece = Int.random(in: 1...max(1, min(outbox.count, 30_000)), using: &random)
    outbox.drop(socket.peerWrite(outbox.first(piece)))
    if outbox.isEmpty && phase == .requesting { enter(.waiting) }
  }

  private func read(_ socket: SimulatedSocket, _ world: SimulatedWorld) {
    guard !socket.toPeer.isEmpty else { return }
    let bytes = socket.toPeer.take(Int.random(in: 1...40_000, using: &random))
    // Room in the kernel's buffer: the proxy's send may go on.
    world.poke(socket)
    switch phase {
    case .exchanging where held != nil, .closing where held != nil: readHeld(bytes, world)
    case .exchanging, .closing: compare(bytes, world)
    case .connected, .requesting, .waiting:
      inbox.append(bytes)
      readHead(socket, world)
    }
  }

  private func readHead(_ socket: SimulatedSocket, _ world: SimulatedWorld) {
    guard plan.kind == .webSocket, let length = SimulatedHead.length(inbox) else { return }
    let head = String(decoding: inbox.first(length), as: UTF8.self)
    guard head.hasPrefix("HTTP/1.1 101 ") else { return }
    let accepted = SimulatedHead.accepted(SimulatedHead.encodedKey(key))
    let isEchoed = SimulatedHead.field("sec-websocket-accept", in: head) == accepted
    if !isEchoed && !startHolding(head, world) { world.violate("client \(id) got somebody else's 101") }
    if phase != .waiting { world.violate("client \(id) got a 101 before it had asked") }
    inbox.drop(length)
    enter(.exchanging)
    let rest = inbox.take(inbox.count)
    if held != nil { readHeld(rest, world) } else { compare(rest, world) }
  }

  private func compare(_ bytes: ArraySlice<UInt8>, _ world: SimulatedWorld) {
    guard expected.starts(with: bytes) else {
      return world.violate("client \(id) got \(bytes.count) bytes that aren't the echo of what it sent")
    }
    expected.drop(bytes.count)
  }

  private func addFrames() {
    guard outbox.isEmpty, phase == .exchanging else { return }
    guard held == nil else { return addHeldFrames() }
    guard plan.isPipelining || expected.isEmpty else { return }
    if messagesSent < plan.messages {
      addMessage(
        pieces: Int.random(in: 0..<4, using: &random) == 0 ? Int.random(in: 2...4, using: &random) : 1)
    } else if expected.isEmpty {
      add(.goodbye)
      enter(.closing)
    }
  }

  /// A message of one frame or several, at times with a ping between them (RFC 6455 section 5.4).
  private func addMessage(pieces: Int) {
    messagesSent += 1
    for piece in 0..<pieces {
      if Int.random(in: 0..<8, using: &random) == 0 {
        add(SimulatedFrame(opcode: SimulatedFrame.ping, payload: noise(atMost: 125)))
      }
      let opcode = piece == 0 ? SimulatedFrame.binary : SimulatedFrame.continuation
      let payload = noise(atMost: plan.frameMax / pieces)
      add(SimulatedFrame(opcode: opcode, payload: payload, isFinal: piece == pieces - 1))
    }
  }

  func noise(atMost limit: Int) -> [UInt8] {
    let start = Int.random(in: 0..<4096, using: &random)
    return Array(Self.noise[start..<start + Int.random(in: 0...limit, using: &random)])
  }

  private func add(_ frame: SimulatedFrame) {
    outbox.append(frame.encoded(mask: UInt32(truncatingIfNeeded: random.next())))
    expected.append(frame.encoded(mask: nil))
  }
}

// MARK: Ending

extension SimulatedClient {
  /// The other side has said its last byte, or the connection broke.
  private func end(_ socket: SimulatedSocket) {
    let isComplete = phase == .closing && outbox.isEmpty && expected.isEmpty
    socket.peerClose()
    if plan.misbehaviour != nil && (hasFinished || hasStoppedReading) { return outcome = .misbehaved }
    switch plan.kind {
    case .webSocket:
      if phase.rawValue >= ClientPlan.Phase.exchanging.rawValue {
        outcome = held.map(\.outcome) ?? (isComplete ? .completed : .cut)
      } else {
        outcome = .refused(status: status)
      }
    case .plainHTTP: outcome = isAnswered ? .completed : .refused(status: status)
    case .garbage: outcome = .refused(status: status)
    }
  }

  /// The status of what came in place of a 101; 0 when no whole head did.
  private var status: Int {
    guard SimulatedHead.length(inbox) != nil else { return 0 }
    let words = String(decoding: inbox.first(64), as: UTF8.self).split(separator: " ")
    return words.count > 1 ? Int(words[1]) ?? 0 : 0
  }

  private var isAnswered: Bool {
    let text = String(decoding: inbox.first(inbox.count), as: UTF8.self)
    return text.hasPrefix("HTTP/1.1 200 ") && text.hasSuffix("\r\n\r\n" + SimulatedHead.plainBody(client: id))
  }
}
