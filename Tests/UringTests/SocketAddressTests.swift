import Basics
import Testing

@testable import Uring

@Suite struct SocketAddressTests {
  @Test(arguments: [
    "127.0.0.1:80", "255.254.253.252:65535", "[::1]:443", "[2001:db8:1:2:3:4:5:6]:1", "unix:/run/chat.sock",
    "unix:@chat",
  ])
  func `an endpoint stays the same through the kernel's form`(_ text: String) throws {
    let endpoint = try #require(Endpoint(text))
    let address = SocketAddress(endpoint)
    #expect(address.endpoint == endpoint)
    #expect(address.isIP == !text.hasPrefix("unix"))
  }

  @Test func `lengths are the kernel's`() throws {
    #expect(SocketAddress(try #require(Endpoint("1.2.3.4:5"))).length == 16)
    #expect(SocketAddress(try #require(Endpoint("[::]:5"))).length == 28)
    // A path is counted with the zero behind it; an abstract name begins with one, and ends where it ends.
    #expect(SocketAddress(.unix(path: "/a")).length == 2 + 3)
    #expect(SocketAddress(.unix(path: "@a")).length == 2 + 2)
  }

  @Test func `the longest path that an endpoint admits has room`() throws {
    let text = "unix:/" + String(repeating: "x", count: 106)
    let endpoint = try #require(Endpoint(text))
    #expect(SocketAddress(endpoint).length == 110)
    #expect(SocketAddress(endpoint).endpoint == endpoint)
    #expect(Endpoint(text + "x") == nil)
  }
}
