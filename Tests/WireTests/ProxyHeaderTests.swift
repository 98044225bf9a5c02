import Basics
import Testing

@testable import Wire

@Suite struct ProxyHeaderTests {
  private func expectAtEverySplit(_ raw: [UInt8], _ expected: ProxyHeaderScan) {
    #expect(ProxyHeader.scan((raw + [1, 2]).span) == expected || raw.isEmpty)
    var first: ProxyHeaderScan?
    for end in 0...raw.count {
      let result = ProxyHeader.scan(Array(raw[..<end]).span)
      if result != .incomplete {
        first = result
        break
      }
    }
    #expect(first == expected, "\(text(raw).debugDescription)")
  }

  @Test(arguments: [
    ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", "192.0.2.1:56324", "192.0.2.2:443"),
    ("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", "[2001:db8::1]:1", "[::1]:65535"),
    ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n", "255.255.255.255:65535", "255.255.255.255:0"),
    ("PROXY UNKNOWN\r\n", nil, nil), ("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", nil, nil),
  ])
  func readsVersion1(_ line: String, _ source: String?, _ destination: String?) {
    let header = ProxyHeader(
      source: source.flatMap { Endpoint($0) }, destination: destination.flatMap { Endpoint($0) })
    expectAtEverySplit(bytes(line), .complete(header, length: line.utf8.count))
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\n", ProxyHeaderError.signature), ("PROXY\r\n", .signature), ("proxy TCP4", .signature),
    ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", .structure), ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX", .structure),
    ("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", .structure), ("PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", .structure),
    ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", .structure), ("PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", .structure),
    ("PROXY TCP4 ::1 ::2 1 2\r\n", .address), ("PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", .address),
    ("PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n", .address), ("PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n", .address),
    ("PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", .address), ("PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", .address),
    ("PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n", .address), ("PROXY TCP6 ::1%lo ::2 1 2\r\n", .address),
    ("PROXY UNKNOWN " + String(repeating: "x", count: 100) + "\r\n", .tooLong),
  ])
  func refusesWrongVersion1(_ line: String, _ error: ProxyHeaderError) {
    expectAtEverySplit(bytes(line), .malformed(error))
  }

  @Test func takesTheLongestLineOfVersion1() {
    let line = "PROXY UNKNOWN " + String(repeating: "x", count: 107 - 14 - 2) + "\r\n"
    expectAtEverySplit(bytes(line), .complete(ProxyHeader(source: nil, destination: nil), length: 107))
  }

  private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
  private static let addresses: [UInt8] = [192, 0, 2, 1, 192, 0, 2, 2, 0xdc, 4, 1, 0xbb]

  @Test func readsTheBytesOfVersion2() {
    var header = ProxyHeader(source: Endpoint("192.0.2.1:56324"), destination: Endpoint("192.0.2.2:443"))
    header.alpn = bytes("h2")
    let raw = Self.signature + [0x21, 0x11, 0, 21] + Self.addresses + [1, 0, 2, 0x68, 0x32, 4, 0, 1, 0]
    expectAtEverySplit(raw, .complete(header, length: raw.count))
  }

  @Test func ignoresTheAddressesOfALocalHeader() {
    let raw = Self.signature + [0x20, 0x77, 0, 3, 9, 9, 9]
    expectAtEverySplit(raw, .complete(.local, length: 19))
    expectAtEverySplit(Self.signature + [0x20, 0, 0, 0], .complete(.local, length: 16))
  }

  @Test(
    arguments: [
      ([0x11, 0x11, 0, 12], ProxyHeaderError.version), ([0x22], .version), ([0x21, 0x12, 0, 12], .address),
      ([0x21, 0x11, 0, 11], .structure), ([0x21, 0x21, 0, 12], .structure),
      ([0x21, 0x31, 0, 12], .structure),
      ([0x21, 0x11, 0, 13], .structure), ([0x21, 0x11, 0xff, 0xff], .tooLong),
    ] as [([UInt8], ProxyHeaderError)])
  func refusesWrongVersion2(_ fixed: [UInt8], _ error: ProxyHeaderError) {
    let body = fixed.count == 4 && fixed[2] == 0 ? (Self.addresses + [1, 1]).prefix(Int(fixed[3])) : []
    expectAtEverySplit(Self.signature + fixed + body, .malformed(error))
  }

  @Test func refusesAWrongChecksum() {
    var raw: [UInt8] = []
    ProxyHeader(source: Endpoint("1.1.1.1:1"), destination: Endpoint("2.2.2.2:2")).encodeV2(
      to: &raw, withChecksum: true)
    for place in 16..<28 {
      var damaged = raw
      damaged[place] ^= 0x40
      #expect(ProxyHeader.scan(damaged.span) == .malformed(.checksum))
    }
  }

  @Test func knowsTheChecksumOfTheStandard() {
    var sum = CRC32C()
    for byte in bytes("123456789") { sum.add(byte) }
    #expect(sum.value == 0xe306_9283)
  }

  @Test func readsBackWhatItWrites() {
    var random = generator()
    for _ in 0..<500 {
      var header = random.header()
      header.alpn = random.bytes(Int.random(in: 0...10, using: &random))
      header.authority = random.bytes(Int.random(in: 0...255, using: &random))
      header.uniqueID = random.bytes(Int.random(in: 0...128, using: &random))
      if Bool.random(using: &random) {
        header.tls = ProxyHeader.TLS(
          client: UInt8.random(in: 0...7, using: &random),
          verify: UInt32.random(in: 0 ... .max, using: &random),
          version: bytes("TLSv1.3"), cipher: random.bytes(Int.random(in: 0...30, using: &random)))
        header.tls?.commonName = random.bytes(Int.random(in: 0...255, using: &random))
        header.tls?.signatureAlgorithm = random.bytes(Int.random(in: 0...20, using: &random))
        header.tls?.keyAlgorithm = random.bytes(Int.random(in: 0...20, using: &random))
      }
      var raw: [UInt8] = []
      header.encodeV2(to: &raw, withChecksum: Bool.random(using: &random))
      #expect(ProxyHeader.scan(raw.span) == .complete(header, length: raw.count))
    }
  }

  @Test func writesAMixedPairAsIPv6AndALocalHeaderWithoutAnything() {
    var raw: [UInt8] = []
    let header = ProxyHeader(source: Endpoint("1.2.3.4:1"), destination: Endpoint("[::2]:2"))
    header.encodeV2(to: &raw)
    #expect(raw[13] == 0x21 && raw.count == 16 + 36)
    #expect(ProxyHeader.scan(raw.span) == .complete(header, length: raw.count))
    raw = [1]
    ProxyHeader.local.encodeV2(to: &raw)
    #expect(raw == [1] + Self.signature + [0x20, 0, 0, 0])
  }

  @Test func neverTrapsOnAnything() {
    var random = generator()
    for _ in 0..<3000 {
      var raw: [UInt8] = []
      random.header().encodeV2(to: &raw, withChecksum: Bool.random(using: &random))
      raw += random.bytes(20)
      raw[Int.random(in: 12..<16, using: &random)] = UInt8.random(in: 0...80, using: &random)
      raw.removeLast(Int.random(in: 0..<raw.count, using: &random))
      if case .complete(_, let length) = ProxyHeader.scan(raw.span) { #expect(length <= raw.count) }
    }
  }
}

extension SeededGenerator {
  fileprivate mutating func header() -> ProxyHeader {
    let port = { (random: inout SeededGenerator) in UInt16.random(in: 0 ... .max, using: &random) }
    let pairs: [(Endpoint?, Endpoint?)] = [
      (.ip(IPAddress(ipv4: UInt32(truncatingIfNeeded: next())), port: port(&self)), Endpoint("9.9.9.9:9")),
      (.ip(IPAddress(ipv6High: next(), low: next()), port: port(&self)), Endpoint("[::9]:9")),
      (.unix(path: "/run/a.sock"), .unix(path: "@abstract")), (nil, nil),
    ]
    let pair = pairs[Int.random(in: 0..<pairs.count, using: &self)]
    return ProxyHeader(source: pair.0, destination: pair.1)
  }
}
