import Basics
import Glibc

/// Messages of a size, each recognizable: message `number` is a slice of random bytes at its own offset.
struct Pattern {
  private let bytes: [UInt8]
  let size: Int

  init(size: Int) {
    var generator = SeededGenerator(seed: 7)
    self.size = size
    bytes = (0..<(size + 256)).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  func with<Result>(_ number: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[(number & 255)...].prefix(size))) }
  }

  func matches(_ payload: UnsafeRawBufferPointer, _ number: Int) -> Bool {
    with(number) { $0.count == payload.count && memcmp($0.baseAddress!, payload.baseAddress!, size) == 0 }
  }
}
