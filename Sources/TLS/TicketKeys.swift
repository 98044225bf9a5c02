public import Basics
internal import COpenSSL
internal import Synchronization

/// The keys of session tickets, shared by all workers and by the contexts of each reload: so a ticket that
/// one worker gave resumes at any other, and after a reload.
///
/// New tickets are sealed with the newest key. An older one keeps opening until the last ticket that it
/// sealed has lapsed.
public final class TicketKeys: Sendable {
  private struct State {
    /// Newest first, at least one.
    var keys: [TicketKey]
    var lifetime: Duration
  }

  private let state: Mutex<State>

  /// - Parameter lifetime: how long a ticket lives at most, over all contexts that use these keys.
  public init(lifetime: Duration, now: MonotonicTime) throws(TLSError) {
    guard let key = TicketKey(made: now) else { throw .library("make a random ticket key") }
    state = Mutex(State(keys: [key], lifetime: lifetime))
  }

  /// Puts another lifetime in force, from the next `rotate` on.
  public func setLifetime(_ lifetime: Duration) {
    state.withLock { $0.lifetime = lifetime }
  }

  /// Makes a new key when the newest has been in use for half a lifetime, and forgets those whose tickets
  /// have all lapsed. To be called now and then, a few times per lifetime at least.
  /// - Returns: whether there is a new key.
  @discardableResult
  public func rotate(now: MonotonicTime) -> Bool {
    state.withLock { state in
      let age = now.since(state.keys[0].made)
      let isNew = age >= state.lifetime / 2
      // Without random bytes the old key goes on: better than no tickets.
      if isNew, let key = TicketKey(made: now) { state.keys.insert(key, at: 0) }
      forget(&state, now)
      return isNew
    }
  }

  /// A key sealed tickets until its successor was made; a lifetime after that the last of them has lapsed.
  private func forget(_ state: inout State, _ now: MonotonicTime) {
    let lifetime = state.lifetime
    while state.keys.count > 1, now.since(state.keys[state.keys.count - 2].made) > lifetime {
      state.keys.removeLast()
    }
  }

  /// Keys that open tickets now.
  public var count: Int { state.withLock { $0.keys.count } }

  /// True exactly when a ticket that begins with these bytes can be opened: its first 16 are a key's name.
  public func knows(ticket: UnsafeRawBufferPointer) -> Bool {
    guard ticket.count >= TicketKey.nameCount else { return false }
    return key(named: ticket.baseAddress!) != nil
  }

  var newest: TicketKey { state.withLock { $0.keys[0] } }

  /// The key with the name of 16 bytes at `name`, and whether it is the newest.
  func key(named name: UnsafeRawPointer) -> (key: TicketKey, isNewest: Bool)? {
    state.withLock { state in
      for (index, key) in state.keys.enumerated() {
        let isSame = key.name.elementsEqual(UnsafeRawBufferPointer(start: name, count: TicketKey.nameCount))
        if isSame { return (key, index == 0) }
      }
      return nil
    }
  }
}
