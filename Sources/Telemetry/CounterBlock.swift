public import Synchronization

/// A row of counters that one thread writes and any thread reads, without locks.
///
/// The writer's `add` is a plain load and store (there is one writer), atomic so that readers never see half
/// a number. Gauges are counters that go down as well.
public final class CounterBlock<Key: CounterKey>: Sendable {
  @usableFromInline nonisolated(unsafe) let cells: UnsafeMutablePointer<Atomic<UInt64>>

  /// The same counters without ownership, for the hot path: valid as long as somebody keeps the block.
  @inlinable public var handle: CounterHandle<Key> { CounterHandle(cells: cells) }

  public init() {
    cells = .allocate(capacity: Key.allCases.count)
    for index in 0..<Key.allCases.count { (cells + index).initialize(to: Atomic(0)) }
  }

  deinit {
    cells.deinitialize(count: Key.allCases.count)
    cells.deallocate()
  }

  /// Only ever called by the thread that owns the block.
  @inlinable public func add(_ key: Key, _ amount: UInt64 = 1) { handle.add(key, amount) }

  @inlinable public func subtract(_ key: Key, _ amount: UInt64 = 1) { add(key, 0 &- amount) }

  /// Only ever called by the thread that owns the block.
  @inlinable public func set(_ key: Key, _ value: UInt64) {
    cells[key.rawValue].store(value, ordering: .relaxed)
  }

  @inlinable public subscript(key: Key) -> UInt64 { cells[key.rawValue].load(ordering: .relaxed) }
}

/// A block's counters for the thread that writes them.
public struct CounterHandle<Key: CounterKey> {
  @usableFromInline let cells: UnsafeMutablePointer<Atomic<UInt64>>
  @usableFromInline init(cells: UnsafeMutablePointer<Atomic<UInt64>>) { self.cells = cells }

  @inlinable public func add(_ key: Key, _ amount: UInt64 = 1) {
    let cell = cells + key.rawValue
    cell.pointee.store(cell.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
  }

  @inlinable public func subtract(_ key: Key, _ amount: UInt64 = 1) { add(key, 0 &- amount) }
}

/// The names of a block's counters, numbered from 0 without gaps.
public protocol CounterKey: RawRepresentable<Int>, CaseIterable, Sendable {}
