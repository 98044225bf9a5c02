/// What an operation in flight is for: operation(8) | generation(24) | slot(32).
///
/// The kernel gives it back untouched with each completion. A slot is reused for another connection only
/// with another generation, so a stale completion is recognised and dropped.
public struct CompletionToken: Hashable, Sendable {
  public let rawValue: UInt64

  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  @inlinable public init(operation: UInt8, slot: SlotID) {
    rawValue = UInt64(operation) << 56 | UInt64(slot.generation) << 32 | UInt64(slot.index)
  }

  @inlinable public var operation: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 56) }
  @inlinable public var slot: SlotID {
    SlotID(
      index: UInt32(truncatingIfNeeded: rawValue),
      generation: UInt32(truncatingIfNeeded: rawValue >> 32) & SlotID.generationMask)
  }
}

/// A place in a `SlotTable`, and which of its successive tenants is meant.
public struct SlotID: Hashable, Sendable {
  public let index: UInt32
  public let generation: UInt32

  public static let generationMask: UInt32 = 0x00ff_ffff

  @inlinable public init(index: UInt32, generation: UInt32) {
    self.index = index
    self.generation = generation
  }
}
