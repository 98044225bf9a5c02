internal import Glibc

/// The other end of the stats socket, for `tidegate ctl`: plain blocking calls.
public struct StatsClient: Sendable {
  public let path: String
  public init(path: String) { self.path = path }

  /// What a command line was answered: for people, and whether one of the commands failed.
  public struct Reply: Sendable, Equatable {
    public var text: String
    public var isError: Bool
  }

  /// Sends one line and waits for the end of the answer.
  public func send(_ line: String) throws(ControlError) -> Reply {
    let descriptor: Int32
    switch UnixAddress.connect(path) {
    case .success(let connected): descriptor = connected
    case .failure(let error): throw ControlError("can't connect to \(path): \(error)")
    }
    defer { close(descriptor) }
    // Severities tell errors from data; they are taken off again.
    try write("set severity-output number;" + line + "\n", to: descriptor)
    shutdown(descriptor, Int32(SHUT_WR))
    let answer = try read(descriptor)
    return Self.reply(answer.hasPrefix("\n") ? String(answer.dropFirst()) : answer)
  }

  /// Takes the severities off the answers' beginnings.
  static func reply(_ answer: String) -> Reply {
    var isError = false
    var atBeginning = true
    let lines = answer.split(separator: "\n", omittingEmptySubsequences: false).map { line -> Substring in
      defer { atBeginning = line.isEmpty }
      guard atBeginning, let severity = severity(of: line) else { return line }
      isError = isError || severity <= Severity.error.rawValue
      return line.dropFirst(5)
    }
    var text = lines.joined(separator: "\n")
    // The empty line that ends the answer.
    if text.hasSuffix("\n\n") { text.removeLast() }
    if text == "\n" { text = "" }
    return Reply(text: text, isError: isError)
  }

  /// The number in `[3]: `.
  private static func severity(of line: Substring) -> Int? {
    let bytes = Array(line.utf8.prefix(5))
    guard bytes.count == 5, bytes[0] == UInt8(ascii: "["), bytes[2...] == [0x5d, 0x3a, 0x20],
      (0x30...0x37).contains(bytes[1])
    else { return nil }
    return Int(bytes[1] - 0x30)
  }

  private func write(_ text: String, to descriptor: Int32) throws(ControlError) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw ControlError("can't write to \(path): \(SystemError())") }
      rest = rest.dropFirst(count)
    }
  }

  private func read(_ descriptor: Int32) throws(ControlError) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw ControlError("can't read from \(path): \(SystemError())") }
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(contentsOf: chunk[..<count])
    }
  }
}
