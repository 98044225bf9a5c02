import FoundationEssentials
import Glibc

/// Lines for whoever started the tool. Unbuffered, so that a script sees `ready` at once.
enum Output {
  static func say(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }
  static func complain(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

  /// One line of JSON with sorted keys in snake_case.
  static func json(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    say(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      // Nobody reads any more: nothing that could be done about it.
      guard written > 0 else { return }
      rest = rest.dropFirst(written)
    }
  }
}

/// A figure rounded for people.
func rounded(_ value: Double, _ digits: Int = 2) -> String {
  let scale = pow(10.0, Double(digits))
  return String((value * scale).rounded() / scale)
}
