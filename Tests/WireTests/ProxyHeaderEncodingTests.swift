import Basics
import Testing

@testable import Wire

@Suite struct ProxyHeaderEncodingTests {
  private func line(_ source: Endpoint?, _ destination: Endpoint?) -> String {
    var raw: [UInt8] = []
    ProxyHeader.encodeV1(from: source, to: destination, into: &raw)
    return text(raw)
  }

  @Test(arguments: [
    ("192.0.2.1:56324", "192.0.2.2:443", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"),
    ("0.0.0.0:0", "255.255.255.255:65535", "PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"),
    ("[2001:db8::1]:1", "[::1]:443", "PROXY TCP6 2001:db8::1 ::1 1 443\r\n"),
    ("[::]:1", "[1::]:2", "PROXY TCP6 :: 1:: 1 2\r\n"),
    // The longest run of zeros is left out, the first of two, and never a single one (RFC 5952 section 4.2).
    (
      "[2001:0:0:1:0:0:0:1]:1", "[2001:db8:0:1:1:1:1:1]:2",
      "PROXY TCP6 2001:0:0:1::1 2001:db8:0:1:1:1:1:1 1 2\r\n"
    ),
    ("[2001:db8:0:0:1:0:0:1]:1", "[fe80::a:0]:2", "PROXY TCP6 2001:db8::1:0:0:1 fe80::a:0 1 2\r\n"),
    ("192.0.2.1:5", "[2001:db8::2]:6", "PROXY TCP6 ::ffff:c000:201 2001:db8::2 5 6\r\n"),
    ("unix:/run/a", "unix:/run/b", "PROXY UNKNOWN\r\n"), ("192.0.2.1:5", "unix:/run/b", "PROXY UNKNOWN\r\n"),
  ])
  func writesVersion1(_ source: String, _ destination: String, _ expected: String) {
    #expect(line(Endpoint(source), Endpoint(destination)) == expected)
  }

  @Test func writesUnknownInVersion1WhereAnEndIsNotKnown() {
    #expect(line(nil, Endpoint("1.2.3.4:5")) == "PROXY UNKNOWN\r\n")
    #expect(line(Endpoint("1.2.3.4:5"), nil) == "PROXY UNKNOWN\r\n")
  }

  @Test func readsBackEveryAddressThatItWritesInVersion1() {
    var random = generator()
    for _ in 0..<2000 {
      let pair = random.pair()
      var raw: [UInt8] = []
      ProxyHeader.encodeV1(from: pair.0, to: pair.1, into: &raw)
      #expect(raw.count <= 104)
      guard case .complete(let header, raw.count) = ProxyHeader.scan(raw.span) else {
        Issue.record("\(text(raw).debugDescription)")
        continue
      }
      #expect(header.source == pair.0 && header.destination == pair.1)
    }
  }

  @Test func writesTheBytesOfVersion2() {
    var parts: [UInt8] = []
    ProxyHeaderPart.alpn.append("h2", to: &parts)
    ProxyHeader.TLSTexts(
      client: 7, verify: 0, version: "T", cipher: "C", commonName: "Z", keyAlgorithm: "EC256"
    )
    .append(to: &parts)
    #expect(
      parts == [1, 0, 2, 0x68, 0x32, 0x20, 0, 25, 7, 0, 0, 0, 0, 0x21, 0, 1, 0x54, 0x22, 0, 1, 0x5a]
        + [0x23, 0, 1, 0x43, 0x25, 0, 5] + bytes("EC256"))
    var raw: [UInt8] = [9]
    ProxyHeader.encodeV2(
      from: Endpoint("192.0.2.1:56324"), to: Endpoint("192.0.2.2:443"), parts: parts, into: &raw)
    let expected: [UInt8] =
      [9, 13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, 0x21, 0x11, 0, UInt8(12 + 33 + 7)]
      + [192, 0, 2, 1, 192, 0, 2, 2, 0xdc, 4, 1, 0xbb] + parts + [3, 0, 4]
    #expect(Array(raw.dropLast(4)) == expected)
    guard case .complete(let header, raw.count - 1) = ProxyHeader.scan(Array(raw.dropFirst()).span) else {
      Issue.record("not read back")
      return
    }
    #expect(header.tls?.commonName == bytes("Z") && header.tls?.client == 7 && header.alpn == bytes("h2"))
  }

  @Test func writesUnixSocketsAndWhatIsNotKnownInVersion2() {
    for (source, destination, family, count) in [
      (nil, Endpoint("unix:/run/a"), UInt8(0x31), 216),
      (Endpoint("unix:@x"), Endpoint("unix:/run/a"), 0x31, 216),
      (nil, Endpoint("1.2.3.4:5"), 0, 0), (nil, nil, 0, 0), (Endpoint("1.2.3.4:5"), nil, 0, 0),
      (Endpoint("1.2.3.4:5"), Endpoint("unix:/run/a"), 0, 0),
      (Endpoint("[::1]:5"), Endpoint("1.2.3.4:5"), 0x21, 36),
    ] as [(Endpoint?, Endpoint?, UInt8, Int)] {
      var raw: [UInt8] = []
      ProxyHeader.encodeV2(from: source, to: destination, parts: [], into: &raw)
      #expect(raw[12] == 0x21 && raw[13] == family && raw.count == 16 + count + 7)
      guard case .complete(let header, raw.count) = ProxyHeader.scan(raw.span) else {
        Issue.record("not read back: \(String(describing: source))")
        continue
      }
      #expect(header.source == (family == 0 ? nil : source) && !header.isLocal)
      #expect(header.destination == (family == 0 ? nil : destination))
    }
  }

  /// A path as long as the kernel's room for it is has no zero behind it.
  @Test func writesTheLongestPath() {
    let path = "/" + String(repeating: "p", count: 107)
    var raw: [UInt8] = []
    ProxyHeader.encodeV2(from: nil, to: .unix(path: path), parts: [], into: &raw)
    #expect(Array(raw[124..<232]) == bytes(path))
    #expect(ProxyHeader.scan(raw.span) != .incomplete)
  }

  @Test func leavesOutWhatIsTooLongRatherThanHalfOfIt() {
    for count in [0, 1, 255, 256, 70_000] {
      var parts: [UInt8] = []
      ProxyHeaderPart.authority.append(String(repeating: "a", count: count), to: &parts)
      #expect(parts.count == ((1...255).contains(count) ? count + 3 : 0))
    }
    var header = ProxyHeader(source: nil, destination: nil)
    header.uniqueID = [UInt8](repeating: 7, count: 200)
    var parts: [UInt8] = []
    header.appendParts(to: &parts)
    #expect(parts == [5, 0, 128] + [UInt8](repeating: 7, count: 128))
  }

  @Test func keepsToItselfWhatOnlyTheOneWhoEndsTLSCanSay() {
    var header = ProxyHeader(source: nil, destination: nil)
    (header.alpn, header.authority, header.uniqueID) = (bytes("h2"), bytes("a"), bytes("id"))
    header.tls = ProxyHeader.TLS(client: 1, version: bytes("TLSv1.3"))
    var parts: [UInt8] = []
    header.appendParts(to: &parts, withTLS: false)
    #expect(parts == [5, 0, 2] + bytes("id"))
  }

  /// A receiver may give a header no more than one segment of the smallest path.
  @Test func theLongestHeaderIsBounded() {
    let long = String(repeating: "x", count: 255)
    var parts: [UInt8] = []
    for part in [ProxyHeaderPart.alpn, .authority, .uniqueID] { part.append(long, to: &parts) }
    ProxyHeader.TLSTexts(
      client: 7, verify: 0, version: long, cipher: long, commonName: long, signatureAlgorithm: long,
      keyAlgorithm: long
    ).append(to: &parts)
    var raw: [UInt8] = []
    ProxyHeader.encodeV2(from: nil, to: .unix(path: "/a"), parts: parts, into: &raw)
    #expect(raw.count < 2400)
    guard case .complete(_, raw.count) = ProxyHeader.scan(raw.span) else {
      Issue.record("not read back")
      return
    }
  }
}

extension SeededGenerator {
  /// Two addresses of one family, with runs of zeros in those of IPv6.
  fileprivate mutating func pair() -> (Endpoint, Endpoint) {
    let isV4 = Bool.random(using: &self)
    return (endpoint(isV4), endpoint(isV4))
  }

  private mutating func endpoint(_ isV4: Bool) -> Endpoint {
    let port = UInt16.random(in: 0 ... .max, using: &self)
    guard !isV4 else { return .ip(IPAddress(ipv4: UInt32(truncatingIfNeeded: next())), port: port) }
    var groups: [UInt64] = []
    for _ in 0..<8 {
      groups.append(Bool.random(using: &self) ? 0 : next() & [0xf, 0xffff].randomElement(using: &self)!)
    }
    // Not one that stands for an IPv4 address, or a line of TCP6 couldn't be read as such.
    groups[0] |= 0x2000
    func half(_ index: Int) -> UInt64 { groups[index..<index + 4].reduce(0) { $0 << 16 | $1 } }
    return .ip(IPAddress(ipv6High: half(0), low: half(4)), port: port)
  }
}
