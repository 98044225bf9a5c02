import COpenSSL

/// Points of P-256, what is none, and how to put them into a client's flight.
enum KeyShare {
  /// The public keys of RFC 5903 section 8.1.
  static let initiator = bytes(
    """
    04 dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180
    5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3
    """)
  static let responder = bytes(
    """
    04 d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63
    56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab
    """)

  /// The prime of the field (FIPS 186-4 section D.1.2.3).
  private static let prime = bytes("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff")
  /// A root of the curve's b: the point's x is 0. By computation: b to the (prime + 1) / 4.
  private static let rootOfB = bytes("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4")

  /// On the curve, with x = 0.
  static let withZero = [4] + [UInt8](repeating: 0, count: 32) + rootOfB

  /// `initiator` and its negative, in a form that only TLS 1.2 has.
  static let compressed: [[UInt8]] = [[3] + x, [2] + x]

  /// None is a point of the curve in a form that TLS has.
  static let bad: [[UInt8]] = besideTheCurve + ofAnotherForm + ofAnotherLength

  private static let x = initiator[1...32]
  private static let zero = [UInt8](repeating: 0, count: 32)

  /// With another y, another x, zeros, ones, an x that is the field's prime too much, and a y of zero, of which
  /// there is none, as the curve's order is odd.
  private static let besideTheCurve: [[UInt8]] = [
    initiator.dropLast() + [initiator[64] ^ 1], [4, initiator[1] ^ 0x80] + initiator.dropFirst(2),
    [4] + zero + zero, [4] + [UInt8](repeating: 255, count: 64), [4] + prime + rootOfB, [4] + x + zero,
  ]

  /// Hybrid, infinity, what doesn't exist, and compressed ones of which there is none.
  private static let ofAnotherForm: [[UInt8]] = [
    [6] + initiator.dropFirst(), [7] + initiator.dropFirst(), [0], [0] + initiator.dropFirst(),
    [5] + initiator.dropFirst(), [4] + x, [2] + prime, [2] + zero.dropLast() + [1], [3] + x.dropLast(),
  ]

  private static let ofAnotherLength: [[UInt8]] = [
    initiator.dropLast(), initiator + [0], [4], initiator + initiator, [2] + initiator.dropFirst(),
  ]

  /// A client's flight with another share; nil when it isn't as expected.
  ///
  /// For TLS 1.3 a ClientHello with one share (RFC 8446 section 4.2.8), for 1.2 a flight that starts with the
  /// ClientKeyExchange (RFC 8422 section 5.7); each the only message of its record.
  static func replace(in flight: [UInt8], _ version: Int32, with share: [UInt8]) -> [UInt8]? {
    let isTLS13 = version == TLS1_3_VERSION
    let mark: [UInt8] = isTLS13 ? [0, 23, 0, 65, 4] : [16, 0, 0, 66, 65, 4]
    guard let found = flight.indices.first(where: { flight[$0...].starts(with: mark) }) else { return nil }
    let start = found + mark.count - 1
    var result = flight
    result.replaceSubrange(start..<start + 65, with: share)
    /// Adds what the share is longer by to a big-endian length.
    func adjust(at index: Int, count: Int) {
      let old = result[index..<index + count].reduce(0) { $0 << 8 | Int($1) }
      let new = old + share.count - 65
      for place in 0..<count {
        result[index + place] = UInt8(truncatingIfNeeded: new >> (8 * (count - 1 - place)))
      }
    }
    adjust(at: 3, count: 2)
    adjust(at: 6, count: 3)
    adjust(at: start - (isTLS13 ? 2 : 1), count: isTLS13 ? 2 : 1)
    guard isTLS13 else { return result }
    // The list's and the extension's; then all extensions', behind session id, suites and compressions.
    adjust(at: found - 2, count: 2)
    adjust(at: found - 4, count: 2)
    var place = 9 + 34
    place += 1 + Int(flight[place])
    place += 2 + Int(flight[place]) << 8 + Int(flight[place + 1])
    place += 1 + Int(flight[place])
    adjust(at: place, count: 2)
    return result
  }

  private static func bytes(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}
