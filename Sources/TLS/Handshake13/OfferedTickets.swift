/// The pre-shared keys that a client offers (RFC 8446 section 4.2.11), all well formed.
struct OfferedTickets {
  /// Looked at; what further ones there may be is passed over.
  static let limit = 8

  private let identities: UnsafeRawBufferPointer
  private let binders: UnsafeRawBufferPointer
  /// Of the message, what the binders are made over.
  let covered: UnsafeRawBufferPointer

  /// - Parameter message: ends with the extension's body.
  init?(_ body: UnsafeRawBufferPointer, in message: UnsafeRawBufferPointer) {
    var cursor = ByteCursor(body)
    guard let identities = cursor.part(2) else { return nil }
    let left = cursor.rest.count
    guard let binders = cursor.onlyPart(2) else { return nil }
    var count = 0
    var list = ByteCursor(identities)
    while !list.isAtEnd {
      guard let ticket = list.part(2), !ticket.isEmpty, list.take(4) != nil else { return nil }
      count += 1
    }
    list = ByteCursor(binders)
    while !list.isAtEnd {
      guard let binder = list.part(1), binder.count >= 32 else { return nil }
      count -= 1
    }
    guard count == 0 else { return nil }
    self.identities = identities
    self.binders = binders
    covered = UnsafeRawBufferPointer(rebasing: message[..<(message.count - left)])
  }

  /// Nil behind the last.
  func ticket(_ index: Int) -> UnsafeRawBufferPointer? {
    var list = ByteCursor(identities)
    for _ in 0..<index { guard list.part(2) != nil, list.take(4) != nil else { return nil } }
    return list.part(2)
  }

  func binder(_ index: Int) -> UnsafeRawBufferPointer? {
    var list = ByteCursor(binders)
    for _ in 0..<index { guard list.part(1) != nil else { return nil } }
    return list.part(1)
  }
}
