internal import Basics

extension ValueType where Value == String {
  /// A text for which `isValid` holds.
  private static func text(_ expected: String, where isValid: @escaping (String) -> Bool) -> Self {
    scalar(expected, show: quoted, parse: { isValid($0) ? $0 : nil })
  }

  /// What names a listener, a pool or a backend: fit for metrics' labels and the stats socket's
  /// `POOL/BACKEND`.
  static var name: Self {
    text("a name of at most 64 letters, digits and . _ - : @") { text in
      (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { isWord($0) || ".-:@".utf8.contains($0) }
    }
  }

  /// A pool's own name.
  static var poolName: Self {
    var type = name
    let read = type.read
    type.read = { node, reading in
      guard let name = read(node, reading) else { return nil }
      reading.poolNames.append(name)
      return name
    }
    return type
  }

  /// A pool's name where it is referred to; that it exists is judged when all pools are known.
  static var poolReference: Self {
    text("a pool's name", show: quoted) { name, location, reading in
      reading.poolReferences.append((name, location))
      return name
    }
  }

  /// A file's path; a relative one is relative to the configuration file's folder.
  /// - Parameter words: what is taken as it stands.
  static func path(limit: Int = 4095, except words: [String] = []) -> Self {
    text("a file's path", show: quoted) { text, location, reading in
      if words.contains(text) { return text }
      let path = reading.resolve(text)
      guard isPlain(text), path.utf8.count <= limit, !text.hasSuffix("/") else {
        reading.report(location, "expected a file's path of at most \(limit) bytes, got \(quoted(text))")
        return nil
      }
      return path
    }
  }

  /// An account's name, as `useradd` takes it.
  static var account: Self {
    text("an account's name") { text in
      (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { isWord($0) || ".-".utf8.contains($0) }
        && !text.hasPrefix("-")
    }
  }

  /// A host's name or IP address as requests have it, without a port; comes out in lower case.
  static var host: Self {
    scalar("a host such as chat.example.com or *.example.com, without a port", show: quoted) { text in
      let lower = text.lowercased()
      let bracketed = lower.hasPrefix("[") && lower.hasSuffix("]")
      if bracketed { return IPAddress(String(lower.dropFirst().dropLast())) == nil ? nil : lower }
      let name = lower.hasPrefix("*.") ? lower.dropFirst(2) : lower[...]
      let labels = name.split(separator: ".", omittingEmptySubsequences: false)
      let isValid =
        name.utf8.count <= 253
        && labels.allSatisfy { label in
          (1...63).contains(label.utf8.count)
            && label.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: "-") }
        }
      return isValid ? lower : nil
    }
  }

  /// The prefix of a request's path.
  static var requestPath: Self {
    text("a path that begins with / and has no ?, # or spaces, such as /ws") { text in
      text.hasPrefix("/") && text.utf8.count <= 4096
        && text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x3f && $0 != 0x23 }
    }
  }
}

private func isWord(_ byte: UInt8) -> Bool {
  (97...122).contains(byte | 32) || (48...57).contains(byte) || byte == UInt8(ascii: "_")
}

/// Something, and no control characters, which nobody means and which end a C string or a log line early.
private func isPlain(_ text: String) -> Bool {
  !text.isEmpty && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
}
