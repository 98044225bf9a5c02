internal import Basics

/// What a client does that is held.
enum HeldConduct: CaseIterable {
  /// Waits for its slot.
  case quiet
  /// Sends a few frames meanwhile.
  case chatty
  /// Sends more than any held client may.
  case flooding
  /// Says goodbye by itself.
  case closing
}

/// What a held client has seen.
struct HeldStory {
  var inbox = ByteStream()
  var framesSent = 0
  /// The code of the close frame that it got, and when.
  var code: UInt16?
  var closedAt = MonotonicTime.zero

  var outcome: SimulatedClient.Outcome { code.map { .held(code: $0) } ?? .cut }
}

extension SimulatedClient {
  /// Frames of a flood: together more than the 64 KiB that a held client may send.
  private static let floodFrames = 9
  private static let floodPayload = 9000

  /// Takes a 101 that no backend sent for the beginning of being held. False where that can't be.
  func startHolding(_ head: String, _ world: SimulatedWorld) -> Bool {
    guard world.storm?.mayHold ?? false, SimulatedHead.field("sec-websocket-accept", in: head)?.count == 28
    else { return false }
    if SimulatedHead.field("sec-websocket-extensions", in: head) != nil {
      world.violate("client \(id) was offered an extension while held")
    }
    held = HeldStory()
    return true
  }

  /// One unmasked close frame comes, and nothing else.
  func readHeld(_ bytes: ArraySlice<UInt8>, _ world: SimulatedWorld) {
    guard var story = held else { return }
    defer { held = story }
    story.inbox.append(bytes)
    guard story.inbox.count >= 2 else { return }
    let length = Int(story.inbox[1])
    guard story.inbox[0] == 0x88, (2...125).contains(length), story.inbox.count <= 2 + length else {
      return world.violate("client \(id) was held and got something else than one close frame")
    }
    guard story.inbox.count == 2 + length else { return }
    story.code = UInt16(story.inbox[2]) << 8 | UInt16(story.inbox[3])
    story.closedAt = world.now
    guard phase == .exchanging else { return }
    // RFC 6455 section 5.5.1: it is answered.
    outbox.append(SimulatedFrame.goodbye.encoded(mask: 0x1234_5678))
    enter(.closing)
  }

  func addHeldFrames() {
    let wanted =
      switch plan.heldConduct {
      case .quiet: 0
      case .chatty, .closing: plan.messages
      case .flooding: Self.floodFrames
      }
    guard held!.framesSent < wanted else {
      guard plan.heldConduct == .closing else { return }
      outbox.append(SimulatedFrame.goodbye.encoded(mask: UInt32(truncatingIfNeeded: random.next())))
      return enter(.closing)
    }
    held!.framesSent += 1
    let payload =
      plan.heldConduct == .flooding
      ? [UInt8](repeating: 7, count: Self.floodPayload) : noise(atMost: 300)
    let frame = SimulatedFrame(opcode: SimulatedFrame.binary, payload: payload)
    outbox.append(frame.encoded(mask: UInt32(truncatingIfNeeded: random.next())))
  }

  /// What is wrong with the 503 that it got; nil when that is whole and says when to come again.
  func unavailableFault(atMost: Duration) -> String? {
    guard let length = SimulatedHead.length(inbox) else { return "no whole head" }
    guard inbox.count == length else { return "\(inbox.count - length) bytes behind the head" }
    let head = String(decoding: inbox.first(length), as: UTF8.self)
    guard let wait = SimulatedHead.field("retry-after", in: head).flatMap({ Int($0) }), wait >= 1,
      Duration.seconds(wait) < atMost + .seconds(1)
    else { return "no Retry-After in bounds" }
    let fields = [("connection", "close"), ("content-length", "0"), ("cache-control", "no-store")]
    for (name, value) in fields where SimulatedHead.field(name, in: head) != value { return "no \(name)" }
    return nil
  }
}
