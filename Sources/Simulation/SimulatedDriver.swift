/// Whoever runs over a `SimulatedEngine`: the worker, or a smaller thing in a test.
public protocol SimulatedDriver: ~Copyable {
  /// One turn of the loop: waits, and handles all that has come. False when it was the last.
  mutating func turn() -> Bool

  /// The engine's buffers that somebody holds.
  var buffersTaken: Int { get }

  /// How often buffers, slots or sockets had run out, which may cost any client its connection.
  var exhaustions: UInt64 { get }

  /// True exactly when it answers bytes that are no HTTP, instead of passing them on.
  var answersGarbage: Bool { get }

  /// What must be zero at rest and isn't, one description each; empty when all is well.
  func leftovers() -> [String]
}
