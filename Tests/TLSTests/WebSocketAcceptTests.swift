import TLS
import Testing

@Suite struct WebSocketAcceptTests {
  @Test func theExampleOfTheStandardComesOutRight() {
    let accept = WebSocketAccept.value(for: "dGhlIHNhbXBsZSBub25jZQ==".utf8)
    #expect(String(decoding: accept, as: UTF8.self) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }
}
