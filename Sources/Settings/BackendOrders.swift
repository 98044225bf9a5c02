extension Settings.Backend {
  /// What a backend may be told to do.
  public enum State: String, Sendable, CaseIterable {
    case ready
    /// Nothing new; live connections go on.
    case drain
    /// The same, because somebody works on it.
    case maint
  }

  /// What an operator has ordered since the file was read. It isn't in the file, so a reload forgets it.
  public struct Orders: Sendable, Equatable {
    public var state = State.ready
    /// In place of the file's weight; nil leaves that.
    public var weight: Int? = nil
    public init() {}
  }

  /// The weight that is shown: as ordered, or as in the file.
  public var weightWhenReady: Int { orders.weight ?? weight }

  /// The weight that counts when a backend is chosen: none unless it is ready.
  public var weightInForce: Int { orders.state == .ready ? weightWhenReady : 0 }

  /// What changed from other orders to these, as the keys of the file have it.
  static func compareOrders(_ old: Self, _ new: Self, _ place: Place) -> [String] {
    let (before, after) = (old.orders, new.orders)
    var sentences: [String] = []
    if before.state != after.state {
      sentences.append(
        place.key("state", .reload).sentence(
          "is now \(after.state.rawValue), was \(before.state.rawValue)"))
    }
    if before.weight != after.weight {
      sentences.append(
        place.key("ordered weight", .reload).sentence("is now \(text(after)), was \(text(before))"))
    }
    return sentences
  }

  private static func text(_ orders: Orders) -> String { orders.weight.map { "\($0)" } ?? "not set" }
}
