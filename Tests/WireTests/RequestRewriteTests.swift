import Basics
import Testing

@testable import Wire

@Suite struct RequestRewriteTests {
  private let forwarding = Forwarding(client: IPAddress("192.0.2.7"), isSecure: true)

  private func rewritten(_ text: String, _ forwarding: Forwarding?) throws -> String {
    let raw = bytes(text)
    let head = try RequestHead.parse(raw.span).get()
    var output = bytes("before")
    if head.isUpgrade {
      head.writeUpgrade(to: &output, head: raw.span, forwarding: forwarding)
    } else {
      head.writePlain(to: &output, head: raw.span, forwarding: forwarding)
    }
    return String(String(decoding: output, as: UTF8.self).dropFirst(6))
  }

  @Test func passesAnUpgradeByteForByteWhenThereIsNothingToAdd() throws {
    let head = upgrade(more: "cOOkie:  a=b \r\nX-Forwarded-For: 1.1.1.1\r\n")
    #expect(try rewritten(head, nil) == head)
  }

  @Test func addsToAnUpgradeWhoTheClientIs() throws {
    let head = upgrade(more: "Cookie: a\r\n")
    let added =
      "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: example.com\r\n\r\n"
    #expect(try rewritten(head, forwarding) == head.dropLast() + added)
  }

  @Test func appendsToWhatEarlierProxiesSaidAndReplacesTheRest() throws {
    let head = """
      GET /a HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nHost: h:81\r\nx-forwarded-proto: ftp\r\n\
      X_Forwarded_Host: evil\r\nx-forwarded-for:\r\nX_FORWARDED_FOR: 3.3.3.3\r\n\r\n
      """
    let expected = """
      GET /a HTTP/1.1\r\nHost: h:81\r\nConnection: close\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, ::1\r\n\
      X-Forwarded-Proto: http\r\nX-Forwarded-Host: h:81\r\n\r\n
      """
    #expect(try rewritten(head, Forwarding(client: IPAddress("::1"), isSecure: false)) == expected)
  }

  @Test func saysNothingOfAClientWithoutAnAddress() throws {
    let written = try rewritten("GET / HTTP/1.0\r\n\r\n", Forwarding(client: nil, isSecure: false))
    #expect(written == "GET / HTTP/1.0\r\nConnection: close\r\nX-Forwarded-Proto: http\r\n\r\n")
  }

  @Test func takesAwayWhatEndsAtThisHop() throws {
    let head = """
      POST / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n\
      x-mine: 1\r\nX-Mine2: 2\r\nTE: trailers\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n
      """
    let expected =
      "POST / HTTP/1.1\r\nHost: a\r\nX-Mine2: 2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    #expect(try rewritten(head, nil) == expected)
  }

  @Test(arguments: [("http://a", "/"), ("http://a?q", "/?q"), ("https://a/b?c", "/b?c")])
  func givesTheBackendTheOriginForm(_ target: String, _ origin: String) throws {
    let written = try rewritten("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n", nil)
    #expect(written == "GET \(origin) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  }
}
