public import Basics

/// What happened, in order: a running hash of everything, and the last entries for whoever asks why.
public struct Trace {
  public struct Entry: CustomStringConvertible {
    public var time: MonotonicTime
    public var name: StaticString
    public var subject: Int
    public var value: Int
    public var description: String {
      "\(time.nanoseconds / 1000) us \(name) #\(subject) \(value)"
    }
  }

  /// FNV-1a over every entry: two runs with the same hash went the same way.
  public private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  public private(set) var count = 0
  private var ring: [Entry] = []
  private let limit: Int

  public init(limit: Int = 400) { self.limit = limit }

  public mutating func add(_ name: StaticString, _ subject: Int, _ value: Int = 0, at time: MonotonicTime) {
    mix(time.nanoseconds)
    mix(UInt64(name.utf8CodeUnitCount) << 8 | UInt64(name.utf8Start.pointee))
    mix(UInt64(truncatingIfNeeded: subject))
    mix(UInt64(truncatingIfNeeded: value))
    let entry = Entry(time: time, name: name, subject: subject, value: value)
    if ring.count < limit { ring.append(entry) } else { ring[count % limit] = entry }
    count += 1
  }

  /// The last entries, oldest first.
  public func last(_ wanted: Int) -> [Entry] {
    let oldest = ring.count < limit ? 0 : count % limit
    return (ring[oldest...] + ring[..<oldest]).suffix(wanted)
  }

  private mutating func mix(_ value: UInt64) {
    hash = (hash ^ value) &* 0x0000_0100_0000_01b3
    hash ^= hash >> 29
  }
}
