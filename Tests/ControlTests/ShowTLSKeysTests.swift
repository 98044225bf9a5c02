import Settings
import Synchronization
import Testing

@testable import Control
@testable import Proxy

@Suite struct ShowTLSKeysTests {
  private let proxy = FakeProxy()

  init() {
    let name = String(repeating: "ab", count: 16)
    proxy.state.withLock {
      $0.ticketKeys = [
        TicketKeyList(
          files: [], listeners: ["a"], keys: [.init(name: name, createdSeconds: 5, isEncrypting: true)]),
        TicketKeyList(
          files: ["/t/one.key", "/t/two.key"], listeners: ["b", "c"],
          keys: [
            .init(name: "01", createdSeconds: 6, isEncrypting: false),
            .init(name: "02", createdSeconds: 7, isEncrypting: true),
          ]),
      ]
    }
  }

  private func answer(_ line: String, level: Settings.Admin.Level = .admin) -> String {
    var session = CommandSession(level: level)
    return session.answer(line, .over(proxy))
  }

  @Test func listsWhereKeysComeFrom() {
    #expect(answer("show tls-keys", level: .user) == "# id (file)\n0 (random)\n1 (/t/one.key /t/two.key)\n\n")
  }

  @Test func showsNamesAndNoSecrets() {
    let second = """
      # 1 (/t/one.key /t/two.key)
      1.0 01 6 decrypting
      1.1 02 7 encrypting

      """
    let head = "# id name created_seconds state\n"
    for wanted in ["1", "#1", "/t/one.key", "/t/two.key"] {
      #expect(answer("show tls-keys \(wanted)") == head + second + "\n")
    }
    let first = "# 0 (random)\n0.0 " + String(repeating: "ab", count: 16) + " 5 encrypting\n"
    #expect(answer("show tls-keys *") == head + first + second + "\n")
  }

  @Test(arguments: ["2", "#2", "-1", "/t/three.key"]) func saysWhatIsNotThere(wanted: String) {
    #expect(answer("show tls-keys \(wanted)") == "No ticket keys of that id or file.\n\n")
    #expect(answer("set ssl tls-key \(wanted) QUJD") == "No ticket keys of that id or file.\n\n")
  }

  @Test func addsAKey() {
    #expect(answer("set ssl tls-key /t/two.key QUJD") == "The ticket key is added.\n\n")
    #expect(answer("set ssl tls-key #0 QQ==") == "The ticket key is added.\n\n")
    #expect(proxy.calls == ["add QUJD to 1", "add QQ== to 0"])
    proxy.state.withLock { $0.refusal = ProxyError("no") }
    #expect(answer("set ssl tls-key 1 QUJD") == "no\n\n")
    #expect(answer("set ssl tls-key 1") == "Expects an id or a file, and a key in base64.\n\n")
    #expect(answer("set ssl tls-key 1 QUJD", level: .operator) == "Permission denied\n\n")
  }
}
