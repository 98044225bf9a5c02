internal import Basics

/// The head as the backend gets it.
extension RequestHead {
  /// Appends an upgrade's head: every line as it came but those about the client, which are written anew.
  ///
  /// - Parameter forwarding: what to tell of the client; nil leaves the client's own lines alone.
  public func writeUpgrade(to output: inout [UInt8], head: Span<UInt8>, forwarding: Forwarding?) {
    assert(isUpgrade)
    write(to: &output, head: head, forwarding: forwarding, isPlain: false)
  }

  /// Appends a plain request's head: as for an upgrade, with the fields that end at this hop taken away
  /// (RFC 9110 section 7.6.1) and `Connection: close` in their place.
  public func writePlain(to output: inout [UInt8], head: Span<UInt8>, forwarding: Forwarding?) {
    assert(!isUpgrade)
    write(to: &output, head: head, forwarding: forwarding, isPlain: true)
  }

  private func write(to output: inout [UInt8], head: Span<UInt8>, forwarding: Forwarding?, isPlain: Bool) {
    let hops = isPlain ? ConnectionOptions(head) : ConnectionOptions()
    write(to: &output, head: head) { field in
      guard let known = KnownField(field.name, in: head) else { return hops.names(field.name, in: head) }
      return known.isForwarded && forwarding != nil || isPlain && known.isHopByHop
    } adding: { output in
      if isPlain { output.append(contentsOf: "Connection: close\r\n".utf8) }
      if let forwarding { addForwarding(forwarding, to: &output, head: head) }
    }
  }

  /// Appends the request line, the lines that aren't dropped, the added ones, and the empty line.
  func write(
    to output: inout [UInt8], head: Span<UInt8>, dropping: (Field) -> Bool, adding: (inout [UInt8]) -> Void
  ) {
    output.reserveCapacity(output.count + head.count + 128)
    writeRequestLine(to: &output, head: head)
    var fields = FieldWalk(head)
    while let field = fields.next(in: head) {
      if !dropping(field) { head.append(field.line, to: &output) }
    }
    adding(&output)
    output.append(contentsOf: "\r\n".utf8)
  }

  /// An absolute target becomes origin form (RFC 9112 section 3.2.1); otherwise the line is as it came.
  private func writeRequestLine(to output: inout [UInt8], head: Span<UInt8>) {
    head.append(methodName.lowerBound..<methodName.upperBound + 1, to: &output)
    if isAbsolute && path.isEmpty { output.append(.slash) }
    head.append(path.lowerBound..<target.upperBound, to: &output)
    output.append(contentsOf: minorVersion == 1 ? " HTTP/1.1\r\n".utf8 : " HTTP/1.0\r\n".utf8)
  }

  private func addForwarding(_ forwarding: Forwarding, to output: inout [UInt8], head: Span<UInt8>) {
    addForwardedFor(forwarding, to: &output, head: head)
    output.append(contentsOf: "X-Forwarded-Proto: ".utf8)
    output.append(contentsOf: forwarding.isSecure ? "https\r\n".utf8 : "http\r\n".utf8)
    guard let authority else { return }
    output.append(contentsOf: "X-Forwarded-Host: ".utf8)
    head.append(authority, to: &output)
    output.append(contentsOf: "\r\n".utf8)
  }

  /// What earlier proxies said, in order, and then our client; one line.
  private func addForwardedFor(_ forwarding: Forwarding, to output: inout [UInt8], head: Span<UInt8>) {
    let start = output.count
    var fields = FieldWalk(head)
    while let field = fields.next(in: head) {
      guard KnownField(field.name, in: head) == .forwardedFor, !field.value.isEmpty else { continue }
      output.append(contentsOf: output.count == start ? "X-Forwarded-For: ".utf8 : ", ".utf8)
      head.append(field.value, to: &output)
    }
    if let client = forwarding.client {
      output.append(contentsOf: output.count == start ? "X-Forwarded-For: ".utf8 : ", ".utf8)
      output.append(contentsOf: client.description.utf8)
    }
    if output.count > start { output.append(contentsOf: "\r\n".utf8) }
  }
}
