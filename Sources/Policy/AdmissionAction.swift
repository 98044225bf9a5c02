public import Basics

/// Why a connection isn't admitted.
public enum AdmissionRefusal: UInt8, Sendable, CaseIterable {
  /// The waiting room is full.
  case roomFull
  /// It would outlive its patience: its turn would come too late.
  case tooLong
  /// It has outlived its patience. Only where the turn came later than foretold.
  case patienceOver
}

/// What becomes of a connection that asks to be let in.
public enum Entrance: Hashable, Sendable {
  /// It waits; it may be let in by the very next `next`.
  case waiting
  case refused(AdmissionRefusal)
}

/// One that is let in.
public struct Admission: Hashable, Sendable {
  public let slot: SlotID
  /// To be settled when its handshake has ended, however it ends.
  public let reservation: HandshakeBudget.Reservation
  public let waited: Duration
  /// What its handshake is expected to wait; to be told when it is learnt from.
  public let foreseen: HandshakeDelay.Foreseen
}

/// What the worker is to do next about those that wait.
public enum AdmissionAction: Hashable, Sendable {
  case admit(Admission)
  /// It has left the room already.
  case refuse(SlotID, AdmissionRefusal)
  /// Nothing until then.
  case wait(until: MonotonicTime)
  /// Nobody waits.
  case idle
}

/// What a controller has done since it began.
public struct AdmissionCounts: Hashable, Sendable {
  public var admitted: UInt64 = 0
  public var roomFull: UInt64 = 0
  public var tooLong: UInt64 = 0
  public var patienceOver: UInt64 = 0
  /// Left before their turn: their clients had gone.
  public var gone: UInt64 = 0
  /// Admitted ahead of cheaper ones, because it was their turn.
  public var bypasses: UInt64 = 0
  /// The longest that one waited that was admitted.
  public var waitMax = Duration.zero

  mutating func add(_ reason: AdmissionRefusal) {
    switch reason {
    case .roomFull: roomFull += 1
    case .tooLong: tooLong += 1
    case .patienceOver: patienceOver += 1
    }
  }
}
