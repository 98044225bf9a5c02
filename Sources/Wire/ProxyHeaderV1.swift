internal import Basics

/// The text form: `PROXY TCP4 source destination port port`, a line of at most 107 bytes.
struct ProxyHeaderV1 {
  static let limit = 107
  private static let start = Array("PROXY ".utf8)

  func scan(_ bytes: Span<UInt8>) throws(ProxyHeaderError) -> ProxyHeaderScan {
    for index in 0..<min(bytes.count, Self.start.count) where bytes[index] != Self.start[index] {
      throw .signature
    }
    var index = Self.start.count
    while index < bytes.count {
      if bytes[index] == .lineFeed { throw .structure }
      if bytes[index] == .carriageReturn {
        guard index + 2 <= Self.limit else { throw .tooLong }
        guard index + 1 < bytes.count else { return .incomplete }
        guard bytes[index + 1] == .lineFeed else { throw .structure }
        return .complete(try parse(Self.start.count..<index, in: bytes), length: index + 2)
      }
      index += 1
      guard index + 2 <= Self.limit else { throw .tooLong }
    }
    return .incomplete
  }

  private func parse(_ line: Range<Int>, in bytes: Span<UInt8>) throws(ProxyHeaderError) -> ProxyHeader {
    var words: [Range<Int>] = []
    var start = line.lowerBound
    while let space = bytes.first(.space, in: start..<line.upperBound) {
      words.append(start..<space)
      start = space + 1
    }
    words.append(start..<line.upperBound)
    if bytes.holdsWord(words[0], "UNKNOWN") { return ProxyHeader(source: nil, destination: nil) }
    let isV6 = bytes.holdsWord(words[0], "TCP6")
    guard isV6 || bytes.holdsWord(words[0], "TCP4"), words.count == 5 else { throw .structure }
    let source = try address(words[1], isV6: isV6, in: bytes)
    let destination = try address(words[2], isV6: isV6, in: bytes)
    return ProxyHeader(
      source: .ip(source, port: try port(words[3], in: bytes)),
      destination: .ip(destination, port: try port(words[4], in: bytes)))
  }

  private func address(
    _ word: Range<Int>, isV6: Bool, in bytes: Span<UInt8>
  ) throws(ProxyHeaderError) -> IPAddress {
    var text: [UInt8] = []
    for index in word {
      let byte = bytes[index]
      guard byte.hexValue != nil || byte == .colon || byte == 0x2e else { throw .address }
      text.append(byte)
    }
    guard text.contains(.colon) == isV6, let address = IPAddress(String(decoding: text, as: UTF8.self)) else {
      throw .address
    }
    return address
  }

  /// Without leading zeros, as the specification has it.
  private func port(_ word: Range<Int>, in bytes: Span<UInt8>) throws(ProxyHeaderError) -> UInt16 {
    guard let number = bytes.decimal(word), number <= 65535, word.count == 1 || bytes[word.lowerBound] != 0x30
    else { throw .address }
    return UInt16(number)
  }
}

extension Span where Element == UInt8 {
  /// True exactly when the range holds the text, case and all.
  func holdsWord(_ range: Range<Int>, _ text: String) -> Bool {
    range.count == text.utf8.count && holdsExactly(range.lowerBound, Array(text.utf8))
  }
}
