internal import Basics

/// What a simulated client is up to.
public struct ClientPlan {
  enum Kind: CaseIterable {
    /// Upgrades, exchanges its messages, says goodbye.
    case webSocket
    /// A request that is no upgrade.
    case plainHTTP
    /// Bytes that are no HTTP.
    case garbage
  }

  public enum Misbehaviour: Sendable, CaseIterable {
    case reset
    /// Reads no more, and resets when sends to it are stuck.
    case resetBlind
    /// Closes its descriptor in the middle of things.
    case vanish
    /// Neither reads nor writes any more.
    case stall
    /// Writes on but never reads.
    case stopReading
    /// Sends FIN and reads on.
    case halfClose
  }

  public enum Phase: Int, Sendable, CaseIterable { case connected, requesting, waiting, exchanging, closing }

  var kind = Kind.webSocket
  var misbehaviour: Misbehaviour?
  /// Where it misbehaves, or in the next phase that it reaches.
  var phase = Phase.connected
  /// Steps in that phase before it does.
  var patience = 0
  /// When it gives up, whatever its phase, if it has had no 101 by then; nil leaves it to `phase`.
  var leavesAt: MonotonicTime?
  /// What it does when it is held instead of served.
  var heldConduct = HeldConduct.quiet
  var messages: Int
  var frameMax: Int
  /// True exactly when it sends on without waiting for the echo.
  var isPipelining: Bool
  /// True exactly when it sends its FIN before it has seen the proxy's.
  var finishesFirst: Bool

  init(faults: Faults, random: inout SeededGenerator) {
    frameMax = [40, 300, 3000, 20_000, 70_000][Int.random(in: 0..<5, using: &random)]
    messages = Int.random(in: 0...(frameMax > 3000 ? 2 : 8), using: &random)
    isPipelining = Bool.random(using: &random)
    finishesFirst = Bool.random(using: &random)
    switch Int.random(in: 0..<12, using: &random) {
    case 0: kind = .plainHTTP
    case 1: kind = .garbage
    default: break
    }
    guard Double.random(in: 0..<1, using: &random) < faults.clientsMisbehave else { return }
    misbehaviour = Misbehaviour.allCases.randomElement(using: &random)
    phase = Phase.allCases.randomElement(using: &random)!
    patience = Int.random(in: 0...6, using: &random)
    floodIfBlind()
  }

  /// A WebSocket client that misbehaves so and there.
  init(_ misbehaviour: Misbehaviour, in phase: Phase, faults: Faults, random: inout SeededGenerator) {
    self.init(faults: faults, random: &random)
    kind = .webSocket
    self.misbehaviour = misbehaviour
    self.phase = phase
    patience = Int.random(in: 0...6, using: &random)
    floodIfBlind()
  }

  /// Who never reads sends enough to fill every buffer on the way, so that sends get stuck.
  private mutating func floodIfBlind() {
    guard misbehaviour != nil, misbehaviour != .reset, misbehaviour != .vanish, misbehaviour != .halfClose
    else { return }
    isPipelining = true
    messages = 4
    frameMax = 60_000
  }
}
