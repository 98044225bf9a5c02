import Foundation
import Testing

@testable import Control

@Suite struct ServiceManagerTests {
  private func receive(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }

  @Test(arguments: [false, true]) func sendsDatagramsToPathsAndAbstractNames(isAbstract: Bool) throws {
    let folder = try TemporaryFolder(prefix: "tidegate-test")
    defer { folder.remove() }
    let path = (isAbstract ? "@" : "") + folder.path + "/notify"
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    #expect(UnixAddress.bind(descriptor, path) == 0)
    let manager = ServiceManager(path: path)
    manager.ready()
    manager.reloading()
    manager.stopping()
    #expect(receive(descriptor) == "READY=1")
    #expect(receive(descriptor).wholeMatch(of: /RELOADING=1\nMONOTONIC_USEC=\d+/) != nil)
    #expect(receive(descriptor) == "STOPPING=1")
  }
}
