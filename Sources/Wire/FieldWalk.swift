/// The field lines of a head that has been parsed: nothing can be wrong in them any more.
struct FieldWalk {
  private var cursor = FieldCursor()

  /// Where the next line begins.
  var position: Int { cursor.position }

  init(_ head: Span<UInt8>) {
    do throws(HeadError) { _ = try cursor.startLine(in: head) } catch { assertionFailure("an unparsed head") }
  }

  mutating func next(in head: Span<UInt8>) -> Field? {
    do throws(HeadError) {
      return try cursor.next(in: head)
    } catch {
      assertionFailure("an unparsed head")
      return nil
    }
  }
}

/// The names that a head's `Connection` fields hold: what they name ends at this hop.
struct ConnectionOptions {
  private var options: [Range<Int>] = []

  init() {}

  init(_ head: Span<UInt8>) {
    var fields = FieldWalk(head)
    while let field = fields.next(in: head) {
      guard KnownField(field.name, in: head) == .connection else { continue }
      var elements = ListCursor(field.value)
      while let element = elements.next(in: head) { options.append(element) }
    }
  }

  /// Called for names that aren't known fields: among those, `Connection` may name the hop-by-hop ones only.
  func names(_ name: Range<Int>, in head: Span<UInt8>) -> Bool {
    for option in options where option.count == name.count {
      if isSame(option, name, in: head) { return true }
    }
    return false
  }

  private func isSame(_ a: Range<Int>, _ b: Range<Int>, in head: Span<UInt8>) -> Bool {
    for offset in 0..<a.count
    where head[a.lowerBound + offset].lowercased != head[b.lowerBound + offset].lowercased { return false }
    return true
  }
}
