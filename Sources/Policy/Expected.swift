internal import Synchronization

/// How many have connected, keep a place and haven't said yet what they are; and as how many of them can be relied on, since
/// not all come in time.
struct Expected: Hashable {
  private(set) var count = 0
  /// That can be relied on, in 1024ths.
  private(set) var parts = 0

  static let one = 1024

  init() {}

  /// - Parameter share: of them that can be relied on, from 0 to 1.
  init(_ count: Int, share: Double) {
    self.count = count
    parts = Int((Double(count * Self.one) * share).rounded(.up))
  }

  var relied: Int { (parts + Self.one - 1) / Self.one }

  static func += (a: inout Expected, b: Expected) {
    a.count += b.count
    a.parts += b.parts
  }

  static func - (a: Expected, b: Expected) -> Expected {
    var difference = a
    difference.count -= b.count
    difference.parts -= b.parts
    return difference
  }

  static prefix func - (a: Expected) -> Expected { Expected() - a }

  /// The sum over workers and listeners: of both in one word, so that whoever changes it writes once.
  struct Sum: ~Copyable {
    private let word = Atomic<Int>(0)

    /// A worker has no more than some millions of connections.
    private static let bits = 36

    func add(_ more: Expected) {
      guard more != Expected() else { return }
      word.add(more.count << Self.bits + more.parts, ordering: .relaxed)
    }

    var value: Expected {
      let word = word.load(ordering: .relaxed)
      var value = Expected()
      value.count = word >> Self.bits
      value.parts = word & (1 << Self.bits - 1)
      return value
    }
  }
}
