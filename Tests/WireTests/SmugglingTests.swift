import Testing

@testable import Wire

/// Requests that two servers in a row may read differently. None of them may pass.
@Suite struct SmugglingTests {
  private static let post = "POST / HTTP/1.1\r\nHost: a\r\n"

  @Test(arguments: [
    ("Content-Length: 5\r\nContent-Length: 5\r\n", HeadError.duplicateField),
    ("Content-Length: 5\r\nContent-Length: 6\r\n", .duplicateField),
    ("Content-Length: 5, 5\r\n", .contentLength), ("Content-Length: +5\r\n", .contentLength),
    ("Content-Length: -1\r\n", .contentLength), ("Content-Length: 0x5\r\n", .contentLength),
    ("Content-Length: 5 5\r\n", .contentLength), ("Content-Length:\r\n", .contentLength),
    ("Content-Length: 99999999999999999999\r\n", .contentLength),
    ("Content-Length: 5\u{b}\r\n", .controlByte),
    ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", .conflictingLength),
    ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", .conflictingLength),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", .duplicateField),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", .duplicateField),
    ("Transfer-Encoding: xchunked\r\n", .transferEncoding),
    ("Transfer-Encoding: gzip, chunked\r\n", .transferEncoding),
    ("Transfer-Encoding: chunked, identity\r\n", .transferEncoding),
    ("Transfer-Encoding: identity\r\n", .transferEncoding),
    ("Transfer-Encoding: \"chunked\"\r\n", .transferEncoding),
    ("Transfer-Encoding:\u{b}chunked\r\n", .controlByte),
    ("Transfer-Encoding: chunked;a=b\r\n", .transferEncoding), ("Transfer-Encoding:\r\n", .transferEncoding),
    ("Transfer-Encoding : chunked\r\n", .fieldLine), ("Content-Length : 5\r\n", .fieldLine),
    (" Content-Length: 5\r\n", .fieldLine), ("A: b\r\n Content-Length: 5\r\n", .fieldLine),
    ("A: b\r\n\tTransfer-Encoding: chunked\r\n", .fieldLine),
    ("Transfer-Encoding\r\n chunked\r\n", .fieldLine),
    ("A\u{0}: b\r\n", .controlByte), ("A: b\u{0}\r\n", .controlByte),
    ("A: b\nContent-Length: 5\r\n", .bareLineFeed),
    ("A: b\rContent-Length: 5\r\n", .bareCarriageReturn), ("no colon\r\n", .fieldLine),
    (": empty\r\n", .fieldLine),
    ("A\u{e9}: b\r\n", .fieldLine), ("A(b): c\r\n", .fieldLine), ("Content_Length: 5\r\n", .ambiguousName),
    ("Transfer_Encoding: chunked\r\n", .ambiguousName), ("Host: b\r\n", .duplicateField),
    ("Host: a\r\n", .duplicateField), ("Connection: content-length\r\n", .connectionField),
    ("Connection: close, host\r\n", .connectionField), ("Connection: X-Forwarded-For\r\n", .connectionField),
    ("Connection: a b\r\n", .connectionField), ("Connection: transfer-encoding\r\n", .connectionField),
  ])
  func refuses(_ fields: String, _ error: HeadError) {
    #expect(request(Self.post + fields + "\r\n") == .failure(error))
  }

  @Test func refusesTransferEncodingInTheOldVersion() {
    #expect(
      request("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        == .failure(.conflictingLength))
  }

  @Test(arguments: [
    ("GET  / HTTP/1.1", HeadError.startLine), (" GET / HTTP/1.1", .startLine),
    ("GET / HTTP/1.1 ", .startLine),
    ("GET /", .startLine), ("GET\t/ HTTP/1.1", .startLine), ("GET / http/1.1", .startLine),
    ("G@T / HTTP/1.1", .startLine),
    ("GET / HTTP/1.10", .startLine), ("GET / HTTP/2.0", .version), ("GET / HTTP/1.2", .version),
    ("GET / HTTP/0.9", .version),
    ("GET /a b HTTP/1.1", .startLine), ("GET /#a HTTP/1.1", .target), ("GET a HTTP/1.1", .target),
    ("GET /\u{e9} HTTP/1.1", .target),
    ("OPTIONS * HTTP/1.1", .target), ("CONNECT a:443 HTTP/1.1", .target), ("CONNECT / HTTP/1.1", .target),
    ("CONNECT http://a/ HTTP/1.1", .target), ("GET ftp://a/ HTTP/1.1", .target),
    ("GET http:a HTTP/1.1", .target),
    ("GET http:///a HTTP/1.1", .host), ("GET http://u@a/ HTTP/1.1", .host), ("GET http://b/ HTTP/1.1", .host),
    ("GET http://a:80/ HTTP/1.1", .host),
  ])
  func refusesTheLine(_ line: String, _ error: HeadError) {
    #expect(request("\(line)\r\nHost: a\r\n\r\n") == .failure(error))
  }

  @Test(arguments: [
    "", "a b", "a/b", "a@b", "a:b", "a:99999", ":80", "[::1", "[]", "[::1]x", "[g::1]", "a,b c", "\"a\"",
    "a\\b", "a:1:2", "\u{e9}",
  ])
  func refusesTheHost(_ host: String) {
    #expect(request("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n") == .failure(.host))
  }

  @Test(arguments: [
    "a", "A.example", "a:", "a:65535", "1.2.3.4:80", "[::1]", "[::ffff:1.2.3.4]:1", "xn--a_b~", "a%20b",
  ])
  func takesTheHost(_ host: String) throws {
    #expect(throws: Never.self) { try request("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").get() }
  }

  @Test func refusesAHeadWithoutHostOrEnd() {
    #expect(request("GET / HTTP/1.1\r\nA: b\r\n\r\n") == .failure(.missingHost))
    #expect(request("GET / HTTP/1.1\r\nHost: a\r\n") == .failure(.unterminated))
    #expect(request("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET") == .failure(.unterminated))
    #expect(request("") == .failure(.unterminated))
  }
}
