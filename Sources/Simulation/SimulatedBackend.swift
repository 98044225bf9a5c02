internal import Basics
internal import Wire

/// A backend's end of one connection: reads the head, answers, echoes frames.
final class SimulatedBackend {
  enum Plan: CaseIterable {
    case healthy
    /// 503 in place of a 101.
    case sheds
    /// Bytes that are no HTTP.
    case garbage
    /// Reads, and never says a word.
    case silent
    /// Never reads.
    case deaf
    case resets
    case closes
  }

  let id: Int
  let socket: SimulatedSocket
  let plan: Plan
  /// Whose connection it is; nil before the head has been read.
  private(set) var clientID: Int?
  private var random: SeededGenerator
  /// Steps until it resets or closes.
  private var patience: Int
  private var isAwake = false
  private var isUpgraded = false
  private var hasAnswered = false
  /// Who the client is by the PROXY header; nil before that is whole.
  private var introduced: ProxyHeader?
  private var finishesWhenSent = false
  private(set) var isDone = false
  private var inbox = ByteStream()
  private var outbox = ByteStream()

  init(id: Int, socket: SimulatedSocket, world: SimulatedWorld) {
    self.id = id
    self.socket = socket
    random = SeededGenerator(seed: world.random.next())
    let misbehaves = world.chance(world.faults.backendsMisbehave)
    plan = misbehaves ? Plan.allCases.dropFirst().randomElement(using: &random)! : .healthy
    patience = Int.random(in: 0...12, using: &random)
    // Never reading, it never learns whose connection it spoils.
    if plan == .deaf { world.connectFaults += 1 }
  }

  var description: String { "backend \(id): \(plan), socket #\(socket.id), upgraded \(isUpgraded)" }

  func wake(in world: SimulatedWorld) {
    guard !isAwake, !isDone else { return }
    isAwake = true
    world.schedule(.backend(self), in: 5...300)
  }

  func step(in world: SimulatedWorld) {
    isAwake = false
    guard !isDone else { return }
    world.record("backend", id, patience)
    defer { world.poke(socket) }
    if leavesEarly(world) { return }
    if plan != .deaf { read(world) }
    write()
    finishIfDue()
    if !isDone && wantsMore { wake(in: world) }
  }

  private var wantsMore: Bool {
    (!outbox.isEmpty && socket.roomForPeer > 0) || (!socket.toPeer.isEmpty && plan != .deaf)
      || plan == .resets || plan == .closes
  }

  /// True when it left: resets and closes come after some steps, whatever is under way.
  private func leavesEarly(_ world: SimulatedWorld) -> Bool {
    guard plan == .resets || plan == .closes else { return false }
    patience -= 1
    guard patience < 0 else { return false }
    excuseClient(in: world)
    if plan == .resets { socket.peerReset() } else { socket.peerClose() }
    isDone = true
    return true
  }
}

// MARK: Reading

extension SimulatedBackend {
  private func read(_ world: SimulatedWorld) {
    inbox.append(socket.toPeer.take(Int.random(in: 1...40_000, using: &random)))
    world.poke(socket)
    if world.introducesClients && introduced == nil { readIntroduction(world) }
    guard !world.introducesClients || introduced != nil else { return }
    if !hasAnswered { readHead(world) }
    guard isUpgraded else { return }
    while case .frame(let frame, let length) = SimulatedFrame.read(inbox) {
      inbox.drop(length)
      outbox.append(frame.encoded(mask: nil))
      if frame.opcode == SimulatedFrame.close { finishesWhenSent = true }
    }
    if case .malformed = SimulatedFrame.read(inbox) {
      world.violate("backend \(id) got bytes that no client sent")
      finishesWhenSent = true
    }
  }

  private func readIntroduction(_ world: SimulatedWorld) {
    let bytes = Array(inbox.first(inbox.count))
    switch ProxyHeader.scan(bytes.span) {
    case .incomplete: break
    case .malformed(let error): world.violate("backend \(id) got a broken PROXY header: \(error)")
    case .complete(let header, let length):
      introduced = header
      inbox.drop(length)
    }
  }

  /// Each connection is introduced as the client that it belongs to.
  private func checkIntroduction(_ world: SimulatedWorld) {
    guard let introduced, let clientID, world.clients.indices.contains(clientID) else { return }
    let client = world.clients[clientID]
    if introduced.source != client.address || introduced.destination?.ipAddress == nil {
      world.violate("backend \(id) was introduced to another than \(client.description): \(introduced)")
    }
  }

  /// A request may do something, so that no two backends get it.
  private func checkIsOnlyOne(_ world: SimulatedWorld) {
    guard let clientID, world.clients.indices.contains(clientID) else { return }
    let client = world.clients[clientID]
    client.requestsSeen += 1
    if client.requestsSeen > 1 {
      world.violate("backend \(id) got a request that another has had: \(client.description)")
    }
  }

  private func readHead(_ world: SimulatedWorld) {
    guard let length = SimulatedHead.length(inbox) else { return }
    let head = String(decoding: inbox.take(length), as: UTF8.self)
    hasAnswered = true
    clientID = SimulatedHead.client(in: head)
    checkIntroduction(world)
    checkIsOnlyOne(world)
    if plan != .healthy { excuseClient(in: world) }
    answer(head)
  }

  private func answer(_ head: String) {
    switch plan {
    case .sheds:
      outbox.append(SimulatedHead.plainResponse(status: 503, body: "full"))
      finishesWhenSent = true
    case .garbage:
      outbox.append(
        (0..<Int.random(in: 1...2000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
      finishesWhenSent = Bool.random(using: &random)
    case .silent, .deaf: break
    case .healthy, .resets, .closes:
      if let key = SimulatedHead.field("sec-websocket-key", in: head) {
        outbox.append(SimulatedHead.upgradeResponse(key: key))
        isUpgraded = true
      } else {
        outbox.append(
          SimulatedHead.plainResponse(status: 200, body: SimulatedHead.plainBody(client: clientID ?? -1)))
        finishesWhenSent = true
      }
    }
  }

  private func excuseClient(in world: SimulatedWorld) {
    guard let clientID, world.clients.indices.contains(clientID) else { return world.connectFaults += 1 }
    world.clients[clientID].isExcused = true
  }
}

// MARK: Writing and ending

extension SimulatedBackend {
  private func write() {
    guard !outbox.isEmpty else { return }
    let piece = Int.random(in: 1...max(1, min(outbox.count, 30_000)), using: &random)
    outbox.drop(socket.peerWrite(outbox.first(piece)))
  }

  private func finishIfDue() {
    if socket.isDeadForPeer {
      socket.peerClose()
      isDone = true
    } else if outbox.isEmpty && socket.toPeer.isEmpty && (finishesWhenSent || socket.proxyFinished) {
      if !socket.peerFinished { socket.peerFinish() }
      guard socket.proxyFinished else { return }
      socket.peerClose()
      isDone = true
    } else if plan == .deaf && socket.proxyClosed {
      socket.peerClose()
      isDone = true
    }
  }
}
