import Basics
@testable import Control
import Foundation
import Settings
import Testing

@Suite(.serialized, .timeLimit(.minutes(1))) struct DemonstrationTests {
  /// A blocking connection to the backend.
  private func connect(_ backend: EchoBackend) throws -> FileHandle {
    guard case .ip(_, let port) = backend.address else { throw ControlError("not an IP address") }
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    #expect(result == 0)
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  private func read(_ count: Int, _ socket: FileHandle) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count, let more = try socket.read(upToCount: count - bytes.count), !more.isEmpty {
      bytes += more
    }
    return bytes
  }

  @Test func theBackendServesThePageAndNothingElse() throws {
    let backend = try EchoBackend()
    defer { backend.close() }
    for (path, status) in [("/", "200 OK"), ("/?x=1", "200 OK"), ("/other", "404 Not Found")] {
      let socket = try connect(backend)
      try socket.write(contentsOf: Data("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
      let answer = String(decoding: try socket.readToEnd() ?? Data(), as: UTF8.self)
      #expect(answer.hasPrefix("HTTP/1.1 \(status)\r\n"))
      #expect(answer.contains("new WebSocket(url)") == status.hasPrefix("200"))
    }
  }

  @Test func theBackendEchoesFramesAsTheyCome() throws {
    let backend = try EchoBackend()
    defer { backend.close() }
    let socket = try connect(backend)
    let request = """
      GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
      Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n
      """
    try socket.write(contentsOf: Data(request.utf8))
    var head: [UInt8] = []
    while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) { head += try read(1, socket) }
    #expect(
      String(decoding: head, as: UTF8.self).contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "RFC 6455 section 1.3")
    // "Hel" as a fragment, a ping between, "lo" as the end, and a close with 4001; the mask is zero.
    let frames: [UInt8] =
      [0x01, 0x83, 0, 0, 0, 0, 0x48, 0x65, 0x6c] + [0x89, 0x81, 0, 0, 0, 0, 0x21]
      + [0x80, 0x82, 0, 0, 0, 0, 0x6c, 0x6f] + [0x88, 0x82, 0, 0, 0, 0, 0x0f, 0xa1]
    try socket.write(contentsOf: Data(frames))
    let expected: [UInt8] =
      [0x01, 0x03, 0x48, 0x65, 0x6c] + [0x8a, 0x01, 0x21] + [0x80, 0x02, 0x6c, 0x6f] + [
        0x88, 0x02, 0x0f, 0xa1,
      ]
    #expect(try read(expected.count, socket) == expected)
    #expect(try socket.readToEnd() ?? Data() == Data())
  }

  @Test func itsFilesAreItsOwnAndGoWithIt() throws {
    let (tlsPort, plainPort) = (try freePort(), try freePort())
    let demonstration = try Demonstration(tlsPort: tlsPort, plainPort: plainPort)
    let certificate = try #require(demonstration.settings.listeners[0].tls?.certificates.first)
    let attributes = try FileManager.default.attributesOfItem(atPath: certificate.key)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(
      demonstration.settings.listeners.map(\.bind) == [
        [Endpoint("127.0.0.1:\(tlsPort)")!], [Endpoint("127.0.0.1:\(plainPort)")!],
      ])
    #expect(demonstration.invitation(program: "tidegate").contains("tidegate ctl --socket "))
    demonstration.close()
    #expect(!FileManager.default.fileExists(atPath: certificate.key))
  }

  @Test func aTakenPortIsNamedWithTheOptionThatChoosesAnother() throws {
    let backend = try EchoBackend()
    defer { backend.close() }
    guard case .ip(_, let taken) = backend.address else { return }
    let message = "can't listen on port \(taken): Address already in use; --port chooses another"
    #expect(throws: ControlError(message)) { try Demonstration(tlsPort: freePort(), plainPort: taken) }
  }

  /// A port that was free a moment ago.
  private func freePort() throws -> UInt16 {
    let backend = try EchoBackend()
    defer { backend.close() }
    guard case .ip(_, let port) = backend.address else { throw ControlError("not an IP address") }
    return port
  }
}
