import Basics
// Its headers have IPPROTO_TCP too, and the compiler knows that by one of the two modules only.
import CUring
import Glibc
import Testing
import Uring

@Suite struct SocketTests {
  @Test(arguments: ["127.0.0.1:0", "[::1]:0"])
  func `several listen at one endpoint`(_ text: String) throws {
    let first = try Socket.listen(on: try #require(Endpoint(text)), backlog: 8)
    defer { close(first) }
    let endpoint = try #require(Socket.boundEndpoint(of: first))
    let second = try Socket.listen(on: endpoint, backlog: 8)
    defer { close(second) }
    #expect(Socket.boundEndpoint(of: second) == endpoint && first != second)
    var isNoDelay: Int32 = 0
    var length = socklen_t(4)
    #expect(getsockopt(first, Int32(IPPROTO_TCP), TCP_NODELAY, &isNoDelay, &length) == 0 && isNoDelay != 0)
  }

  @Test func `a client is accepted with its first bytes, once that is wanted`() throws {
    let listener = try Socket.listen(on: .ip(.init(ipv4: 0x7f00_0001), port: 0), backlog: 8)
    defer { close(listener) }
    func seconds() -> Int32 {
      var seconds: Int32 = -1
      var length = socklen_t(4)
      getsockopt(listener, Int32(IPPROTO_TCP), TCP_DEFER_ACCEPT, &seconds, &length)
      return seconds
    }
    Socket.setAwaitsFirstBytes(listener, true)
    #expect(seconds() == 1)
    Socket.setAwaitsFirstBytes(listener, false)
    #expect(seconds() == 0)
  }

  @Test func `an error names the endpoint, the call and the reason`() throws {
    let endpoint = try #require(Endpoint("192.0.2.7:80"))
    let error = #expect(throws: SocketError.self) { try Socket.listen(on: endpoint, backlog: 8) }
    #expect(error?.description == "192.0.2.7:80: bind: Cannot assign requested address")
  }

  @Test func `a unix socket that a dead process left is replaced, a live one isn't`() throws {
    let path = "/tmp/tidegate-socket-\(getpid())"
    defer { unlink(path) }
    let first = try Socket.listen(on: .unix(path: path), backlog: 8)
    let error = #expect(throws: SocketError.self) { try Socket.listen(on: .unix(path: path), backlog: 8) }
    #expect(error?.errno == EADDRINUSE)
    close(first)
    let second = try Socket.listen(on: .unix(path: path), backlog: 8)
    #expect(Socket.boundEndpoint(of: second) == .unix(path: path))
    close(second)
  }

  @Test func `a file that is no socket is left alone`() throws {
    let path = "/tmp/tidegate-file-\(getpid())"
    let file = open(path, O_CREAT | O_WRONLY, 0o600)
    defer {
      close(file)
      unlink(path)
    }
    #expect(throws: SocketError.self) { try Socket.listen(on: .unix(path: path), backlog: 8) }
    #expect(access(path, F_OK) == 0)
  }

  @Test func `a copy of a descriptor is the same socket`() throws {
    let first = try Socket.listen(on: .unix(path: "@tidegate-copy-\(getpid())"), backlog: 8)
    let second = try #require(Socket.duplicate(first))
    close(first)
    #expect(Socket.boundEndpoint(of: second) == .unix(path: "@tidegate-copy-\(getpid())"))
    close(second)
  }
}
