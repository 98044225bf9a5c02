/// Writes handshake messages and their records. Whoever makes one has seen to it that the room is enough.
struct FlightWriter {
  let room: UnsafeMutableRawBufferPointer
  private(set) var count = 0

  init(_ room: UnsafeMutableRawBufferPointer) { self.room = room }

  /// Big-endian, in 1 to 4 bytes.
  mutating func number(_ value: Int, _ byteCount: Int) {
    for index in 0..<byteCount {
      room[count + index] = UInt8(truncatingIfNeeded: value >> (8 * (byteCount - 1 - index)))
    }
    count += byteCount
  }

  mutating func bytes(_ bytes: UnsafeRawBufferPointer) {
    guard !bytes.isEmpty else { return }
    UnsafeMutableRawBufferPointer(rebasing: room[count..<count + bytes.count]).copyMemory(from: bytes)
    count += bytes.count
  }

  mutating func bytes(_ start: UnsafeRawPointer, _ count: Int) {
    bytes(UnsafeRawBufferPointer(start: start, count: count))
  }

  /// Lets `body` write into what is left, and say how much.
  mutating func fill(_ body: (UnsafeMutableRawBufferPointer) -> Int?) -> Bool {
    guard let filled = body(UnsafeMutableRawBufferPointer(rebasing: room[count...])) else { return false }
    precondition(filled >= 0 && filled <= room.count - count)
    count += filled
    return true
  }

  /// What `body` writes, with its length before it.
  mutating func part(_ lengthBytes: Int, _ body: (inout FlightWriter) -> Void) {
    let start = open(lengthBytes)
    body(&self)
    close(start, lengthBytes)
  }

  /// Leaves room for a length.
  mutating func open(_ lengthBytes: Int) -> Int {
    number(0, lengthBytes)
    return count
  }

  /// Writes the length of what came since `open`.
  mutating func close(_ start: Int, _ lengthBytes: Int) {
    let end = count
    count = start - lengthBytes
    number(end - start, lengthBytes)
    count = end
  }

  /// A record's header, whose length `close` writes (RFC 8446 section 5.1).
  mutating func openRecord(_ type: UInt8) -> Int {
    number(Int(type), 1)
    number(0x0303, 2)
    return open(2)
  }

  func written(from start: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: room[start..<count])
  }
}
