import Basics
import Testing

@Suite struct EndpointTests {
  @Test(arguments: [
    "1.2.3.4:80", "255.255.255.255:65535", "0.0.0.0:0", "[::1]:443", "[2001:db8::1]:9001",
    "unix:/run/chat.sock",
    "unix:@name",
  ]) func aCanonicalTextComesBackAsItWas(text: String) throws {
    let endpoint = try #require(Endpoint(text))
    #expect(endpoint.description == text)
  }

  @Test(arguments: [
    "", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:+80", "1.2.3.4:080808", "1.2.3:80",
    "[1.2.3.4]:80",
    "::1:80", "[::1]", "[::1:80", "::1]:80", "localhost:80", "unix:", " 1.2.3.4:80", "1.2.3.4:80 ",
  ]) func whatIsNoAddressIsRefused(text: String) {
    #expect(Endpoint(text) == nil)
  }

  @Test func aUnixPathFitsTheKernelsLimit() {
    #expect(Endpoint("unix:/" + String(repeating: "a", count: 106)) != nil)
    #expect(Endpoint("unix:/" + String(repeating: "a", count: 107)) == nil)
    #expect(Endpoint("unix:/a\0b") == nil)
  }

  @Test func aMappedAddressIsTheIPv4AddressThatItIs() throws {
    let mapped = try #require(IPAddress("::ffff:10.0.0.1"))
    #expect(mapped.isIPv4)
    #expect(mapped == IPAddress("10.0.0.1"))
    #expect(mapped.description == "10.0.0.1")
    #expect(mapped.ipv4 == 0x0a00_0001)
  }
}
