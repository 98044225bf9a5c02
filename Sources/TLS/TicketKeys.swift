public import Basics
internal import COpenSSL
internal import Synchronization

/// The keys of session tickets, shared by all workers and contexts that have the same source of keys: so a
/// ticket that one worker gave resumes at any other.
///
/// One key seals new tickets; the others open those of before, or of instances that are ahead.
public final class TicketKeys: Sendable {
  private enum Source {
    /// Of this process's own making. Newest first; each is kept until the last ticket that it sealed has
    /// lapsed. `made` is when each was made.
    case random(made: [MonotonicTime])
    /// Read from files; others come with a reload only.
    case files
    case derived(FleetSecret)
  }

  private struct State {
    var source: Source
    /// At least one.
    var keys: [TicketKey]
    /// The place of the one that seals.
    var sealing: Int
    var lifetime: Duration
  }

  /// How far `rotate` may come late, and so how far instances of one fleet may lag behind.
  static let slack = Duration.seconds(60)

  private let state: Mutex<State>

  /// Random keys, replaced each half lifetime.
  /// - Parameter lifetime: how long a ticket lives at most, over all contexts that use these keys.
  public init(lifetime: Duration, now: MonotonicTime, wallTime: WallTime) throws(TLSError) {
    guard let key = TicketKey.random(created: wallTime) else { throw .library("make a random ticket key") }
    state = Mutex(State(source: .random(made: [now]), keys: [key], sealing: 0, lifetime: lifetime))
  }

  /// Keys of files in HAProxy's or nginx's form.
  /// - Parameter files: at least one.
  public init(files: [TLSConfiguration.Source]) throws(TLSError) {
    let (keys, sealing) = try TicketKeyFile.load(files)
    state = Mutex(State(source: .files, keys: keys, sealing: sealing, lifetime: .zero))
  }

  /// Keys that follow from a secret and the time alone.
  /// - Parameter lifetime: how long a ticket lives; the same in the whole fleet.
  public init(
    fleetSecret: TLSConfiguration.Source, lifetime: Duration, wallTime: WallTime
  ) throws(TLSError) {
    let secret = try FleetSecret(fleetSecret)
    guard let (keys, sealing) = Self.derive(secret, lifetime, wallTime) else {
      throw .library("derive ticket keys")
    }
    state = Mutex(State(source: .derived(secret), keys: keys, sealing: sealing, lifetime: lifetime))
  }

  /// Puts another lifetime in force for random keys, from the next `rotate` on.
  public func setLifetime(_ lifetime: Duration) {
    state.withLock { $0.lifetime = lifetime }
  }

  /// Lets random or derived keys go on with the time. To be called once a minute.
  /// - Returns: whether another key seals now.
  @discardableResult
  public func rotate(now: MonotonicTime, wallTime: WallTime) -> Bool {
    state.withLock { state in
      switch state.source {
      case .files: false
      case .random(let made): Self.rotateRandom(&state, made, now, wallTime)
      case .derived(let secret): Self.rotateDerived(&state, secret, wallTime)
      }
    }
  }

  /// A new key when the newest has been in use for half a lifetime.
  private static func rotateRandom(
    _ state: inout State, _ made: [MonotonicTime], _ now: MonotonicTime, _ wallTime: WallTime
  ) -> Bool {
    var made = made
    let isDue = now.since(made[0]) >= state.lifetime / 2
    var isNew = false
    // Without random bytes the old key goes on: better than no tickets.
    if isDue, let key = TicketKey.random(created: wallTime) {
      state.keys.insert(key, at: 0)
      made.insert(now, at: 0)
      isNew = true
    }
    // A key sealed until its successor was made; a lifetime after that the last of its tickets has lapsed.
    while made.count > 1, now.since(made[made.count - 2]) > state.lifetime {
      state.keys.removeLast()
      made.removeLast()
    }
    state.source = .random(made: made)
    return isNew
  }

  private static func rotateDerived(
    _ state: inout State, _ secret: FleetSecret, _ wallTime: WallTime
  ) -> Bool {
    let before = state.keys[state.sealing]
    guard let (keys, sealing) = derive(secret, state.lifetime, wallTime) else { return false }
    state.keys = keys
    state.sealing = sealing
    return !keys[sealing].hasName(of: before)
  }

  /// An epoch is half a lifetime. The current one's key seals. Those that may have sealed a ticket that is
  /// still alive open, and the next one's, since clocks differ.
  private static func derive(
    _ secret: FleetSecret, _ lifetime: Duration, _ now: WallTime
  ) -> (keys: [TicketKey], sealing: Int)? {
    let length = max(1, lifetime.components.seconds / 2)
    func epoch(_ time: WallTime) -> Int64 { max(0, time.seconds) / length }
    let first = epoch(now - lifetime - slack)
    let current = epoch(now)
    let last = max(current + 1, epoch(now + .seconds(length) + slack))
    var keys: [TicketKey] = []
    for number in first...last {
      guard let key = secret.key(epoch: number, length: length) else { return nil }
      keys.append(key)
    }
    return (keys, Int(current - first))
  }

  /// Adds a key to those of a file in HAProxy's form, as HAProxy does: the one that was last seals, and the
  /// oldest goes.
  /// - Parameter base64: as a line of HAProxy's form.
  public func add(base64: String, wallTime: WallTime) throws(TLSError) {
    guard let key = TicketKeyFile.key(base64, created: wallTime) else {
      throw TLSError(.badTicketKeys, "no base64 of a ticket key's 48 or 80 bytes")
    }
    let problem = state.withLock { state -> String? in
      guard case .files = state.source, state.keys.count == TicketKeyFile.linesUsed,
        state.sealing == TicketKeyFile.linesUsed - 2
      else { return "only to keys of a file of base64 lines can one be added" }
      // Contexts have been made for the sizes that there are.
      guard state.keys.contains(where: { $0.size == key.size }) else {
        return "a ticket key here has \(state.keys[0].size.byteCount) bytes"
      }
      guard !state.keys.contains(where: { $0.hasName(of: key) }) else { return "there is a key of that name" }
      state.keys.removeFirst()
      state.keys.append(key)
      return nil
    }
    if let problem { throw TLSError(.badTicketKeys, problem) }
  }

  /// Keys that open tickets now.
  public var count: Int { state.withLock { $0.keys.count } }

  /// True exactly when a ticket that begins with these bytes can be opened: its first 16 are a key's name.
  public func knows(ticket: UnsafeRawBufferPointer) -> Bool {
    guard ticket.count >= TicketKey.nameCount else { return false }
    return key(named: ticket.baseAddress!) != nil
  }

  /// The key that seals.
  var sealing: TicketKey { state.withLock { $0.keys[$0.sealing] } }

  /// The key with the name of 16 bytes at `name`, and whether it is the one that seals.
  func key(named name: UnsafeRawPointer) -> (key: TicketKey, isSealing: Bool)? {
    state.withLock { state in
      for (index, key) in state.keys.enumerated() {
        let isSame = key.name.elementsEqual(UnsafeRawBufferPointer(start: name, count: TicketKey.nameCount))
        if isSame { return (key, index == state.sealing) }
      }
      return nil
    }
  }

  /// True exactly when a key is for AES-128.
  var hasSmallKeys: Bool { state.withLock { $0.keys.contains { $0.size == .small } } }
}

/// A ticket key without its secrets, for people to look at.
public struct TicketKeySummary: Sendable, Equatable {
  public enum State: String, Sendable { case encrypting, decrypting }

  /// The name that stands openly in each ticket, in lower-case hexadecimal: 32 digits.
  public var name: String
  /// When it was made: for a random key the time, for a derived one its epoch's beginning, for one of a file
  /// the file's last change.
  public var created: WallTime
  public var state: State
}

extension TicketKeys {
  /// All keys, as in the file or by time.
  public var summaries: [TicketKeySummary] {
    state.withLock { state in
      state.keys.enumerated().map { index, key in
        TicketKeySummary(
          name: hexadecimal(key.name), created: key.created,
          state: index == state.sealing ? .encrypting : .decrypting)
      }
    }
  }
}

private func hexadecimal(_ bytes: UnsafeRawBufferPointer) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
