internal import Basics
internal import Synchronization

/// The buckets of a `ReconnectionLedger` that one lock guards.
final class LedgerStripe: Sendable {
  static let count = 64
  /// Places in a bucket.
  static let ways = 8

  private struct Place {
    var key: AddressKey?
    /// Slots told and not come for; zero exactly without a key.
    var slots: UInt32 = 0
    var first = MonotonicTime.zero
    var last = MonotonicTime.zero
  }

  private let places: Mutex<[Place]>

  init(buckets: Int) { places = Mutex(Array(repeating: Place(), count: buckets * Self.ways)) }

  /// - Returns: how many slots of another address were pushed out for want of a place.
  func refused(_ key: AddressKey, _ bucket: Int, _ slot: MonotonicTime) -> UInt64 {
    places.withLock { places in
      let index = Self.place(for: key, places, bucket)
      if places[index].key == key {
        places[index].slots &+= 1
        places[index].first = min(places[index].first, slot)
        places[index].last = max(places[index].last, slot)
        return 0
      }
      let forgotten = UInt64(places[index].slots)
      places[index] = Place(key: key, slots: 1, first: slot, last: slot)
      return forgotten
    }
  }

  /// The address's first slot, which is then taken; nil without one.
  func take(_ key: AddressKey, _ bucket: Int) -> MonotonicTime? {
    places.withLock { places in
      for index in bucket * Self.ways..<(bucket + 1) * Self.ways where places[index].key == key {
        let place = places[index]
        if place.slots == 1 {
          places[index] = Place()
        } else {
          let step = place.last.since(place.first).clampedNanoseconds / UInt64(place.slots - 1)
          places[index].first.nanoseconds += step
          places[index].slots -= 1
        }
        return place.first
      }
      return nil
    }
  }

  /// Clears the addresses whose last slot is so long past.
  ///
  /// - Returns: how many slots nobody came for.
  func giveUp(_ now: MonotonicTime, after patience: Duration) -> UInt64 {
    places.withLock { places in
      var never: UInt64 = 0
      for index in places.indices where places[index].key != nil && places[index].last + patience < now {
        never += UInt64(places[index].slots)
        places[index] = Place()
      }
      return never
    }
  }

  /// Where the key is; else a free place, else that of the address whose last slot is the longest past.
  private static func place(for key: AddressKey, _ places: [Place], _ bucket: Int) -> Int {
    var best = bucket * ways
    for index in bucket * ways..<(bucket + 1) * ways {
      if places[index].key == key { return index }
      guard places[best].key != nil else { continue }
      if places[index].key == nil || places[index].last < places[best].last { best = index }
    }
    return best
  }
}
