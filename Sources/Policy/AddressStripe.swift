internal import Basics
internal import Synchronization

/// The buckets of an `AddressTable` that one lock guards.
final class AddressStripe: Sendable {
  static let count = 64
  /// Places in a bucket.
  static let ways = 8

  enum Entrance {
    /// The place within the bucket.
    case admitted(Int)
    case refused(AddressRefusal)
    /// Nobody in the bucket can be forgotten.
    case full
  }

  private struct Place {
    var key: AddressKey?
    var connections: UInt32 = 0
    var arrival: UInt64 = 0
  }

  private struct State {
    var places: [Place]
    var terms: RateTerms
  }

  private let state: Mutex<State>

  init(buckets: Int, _ terms: RateTerms) {
    state = Mutex(State(places: Array(repeating: Place(), count: buckets * Self.ways), terms: terms))
  }

  func enter(_ key: AddressKey, bucket: Int, _ limit: Int, _ now: MonotonicTime) -> Entrance {
    let instant = Instant.of(now)
    return state.withLock { state in
      let first = bucket * Self.ways
      guard let index = Self.place(of: key, &state, first, instant) else { return .full }
      if Int(state.places[index].connections) >= limit { return .refused(.connections) }
      guard let next = state.terms.admitting(state.places[index].arrival, at: instant) else {
        return .refused(.rate)
      }
      state.places[index].arrival = next
      state.places[index].connections += 1
      return .admitted(index - first)
    }
  }

  func leave(_ index: Int, refunds: Bool) {
    state.withLock { state in
      guard state.places[index].connections > 0 else { return assertionFailure("left twice") }
      state.places[index].connections -= 1
      if refunds && !state.terms.isUnlimited && state.places[index].arrival != .max {
        state.places[index].arrival = Instant.subtract(state.places[index].arrival, state.terms.interval)
      }
    }
  }

  func change(_ terms: RateTerms, _ now: MonotonicTime) {
    let instant = Instant.of(now)
    state.withLock { state in
      for index in state.places.indices where state.places[index].key != nil {
        state.places[index].arrival = state.terms.arrival(
          state.places[index].arrival, under: terms, at: instant)
      }
      state.terms = terms
    }
  }

  func rows(_ now: MonotonicTime) -> [AddressTable.Row] {
    let instant = Instant.of(now)
    return state.withLock { state in
      state.places.compactMap { place in
        guard let key = place.key, !Self.isForgettable(place, instant) else { return nil }
        let left = state.terms.isUnlimited ? nil : state.terms.available(place.arrival, at: instant)
        return AddressTable.Row(key: key, connections: Int(place.connections), burstLeft: left)
      }
    }
  }

  /// Where the key is, or a place for it; nil when all are taken by others who must be remembered.
  private static func place(
    of key: AddressKey, _ state: inout State, _ first: Int, _ instant: UInt64
  ) -> Int? {
    var free: Int?
    for index in first..<first + ways {
      if state.places[index].key == key { return index }
      if free == nil && isForgettable(state.places[index], instant) { free = index }
    }
    guard let free else { return nil }
    state.places[free] = Place(key: key, arrival: state.terms.arrivalAtRest)
    return free
  }

  /// True exactly when forgetting it changes nothing: no live connection, and its whole burst is back.
  private static func isForgettable(_ place: Place, _ instant: UInt64) -> Bool {
    place.connections == 0 && (place.key == nil || place.arrival <= instant || place.arrival == .max)
  }
}
