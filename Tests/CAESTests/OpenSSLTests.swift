import Basics
import CAES
import Testing

/// Every way to do AES-GCM against OpenSSL.
@Suite(.enabled(if: !paths.isEmpty)) struct OpenSSLTests {
  /// What the record layer gives to be opened: a ciphertext of 2^14 + 256 bytes without its tag.
  static let lengthMax = 16_624

  /// At both ends of memory that ends there, so at most alignments.
  private func expectOpenSSLs(_ record: Record, _ path: caes_path, _ memory: GuardedMemory) {
    let expected = record.sealedByOpenSSL()
    for place in [memory.start(record.sealedCount), memory.end(record.sealedCount)] {
      #expect(record.sealed(by: path, in: place) == expected)
      let opened = record.opened(expected, by: path, in: place)
      #expect(opened.isRight)
      // The tag stays.
      #expect(opened.bytes == record.clear + expected.suffix(Record.tagCount))
    }
  }

  @Test(arguments: paths, [16, 32])
  func recordsOfEveryShortLengthAreOpenSSLs(path: caes_path, keyCount: Int) {
    var generator = SeededGenerator(seed: randomSeed())
    let memory = GuardedMemory(atLeast: 1000)
    for headerCount in Record.headerCounts {
      for count in 0...600 {
        let record = Record(keyCount: keyCount, headerCount: headerCount, count: count, using: &generator)
        expectOpenSSLs(record, path, memory)
      }
    }
  }

  @Test(arguments: paths, [16, 32])
  func recordsOfAnyLengthAreOpenSSLs(path: caes_path, keyCount: Int) {
    var generator = SeededGenerator(seed: randomSeed())
    let memory = GuardedMemory(atLeast: Self.lengthMax + Record.headerCounts[1] + Record.tagCount)
    for round in 0..<60 {
      let count = round < 3 ? Self.lengthMax - round : Int.random(in: 601..<Self.lengthMax, using: &generator)
      let headerCount = Record.headerCounts[round % 2]
      let record = Record(keyCount: keyCount, headerCount: headerCount, count: count, using: &generator)
      expectOpenSSLs(record, path, memory)
    }
  }

  @Test(arguments: paths, [16, 32])
  func nothingAroundARecordIsWritten(path: caes_path, keyCount: Int) {
    var generator = SeededGenerator(seed: randomSeed())
    let (before, behind) = (64, 128)
    for count in [0, 1, 15, 16, 17, 31, 63, 64, 113, 127, 128, 129, 223, 224, 225, 500, 511, 1000, 16_385] {
      for offset in 0..<(count < 1000 ? 64 : 2) {
        let headerCount = Record.headerCounts[offset % 2]
        let record = Record(keyCount: keyCount, headerCount: headerCount, count: count, using: &generator)
        var bytes = [UInt8](repeating: 0xa5, count: before + offset + record.sealedCount + behind)
        bytes.withUnsafeMutableBytes { bytes in
          let place = UnsafeMutableRawBufferPointer(rebasing: bytes[(before + offset)...])
          let sealed = record.sealed(by: path, in: place)
          _ = record.opened(sealed, by: path, in: place)
        }
        #expect(bytes.prefix(before + offset).allSatisfy { $0 == 0xa5 })
        #expect(bytes.suffix(behind).allSatisfy { $0 == 0xa5 })
      }
    }
  }

  /// Each bit of the nonce, the header, the content and the tag, and of the key.
  @Test(arguments: paths, [16, 32])
  func whateverIsFlippedTheRecordIsRefusedAndStaysClosed(path: caes_path, keyCount: Int) {
    var generator = SeededGenerator(seed: randomSeed())
    for (count, headerCount) in [
      (0, 5), (1, 13), (16, 5), (40, 13), (129, 5), (224, 13), (240, 5), (300, 13), (40, 5), (0, 13),
    ] {
      let record = Record(keyCount: keyCount, headerCount: headerCount, count: count, using: &generator)
      let sealed = record.sealed(by: path)
      for bit in 0..<8 * sealed.count {
        var flipped = sealed
        flipped[bit / 8] ^= 1 << (bit % 8)
        expectRefusal(record, flipped, path)
      }
      for bit in 0..<8 * record.nonce.count {
        var other = record
        other.nonce[bit / 8] ^= 1 << (bit % 8)
        expectRefusal(other, sealed, path)
      }
      for bit in 0..<8 * keyCount {
        var other = record
        other.key[bit / 8] ^= 1 << (bit % 8)
        expectRefusal(other, sealed, path)
      }
    }
  }

  private func expectRefusal(_ record: Record, _ sealed: [UInt8], _ path: caes_path) {
    let opened = record.opened(sealed, by: path)
    #expect(!opened.isRight)
    var wiped = sealed
    let content = record.headerCount..<sealed.count - Record.tagCount
    for index in content { wiped[index] = 0 }
    #expect(opened.bytes == wiped)
  }

  @Test(arguments: paths)
  func ofALongRecordToo(path: caes_path) {
    var generator = SeededGenerator(seed: randomSeed())
    let record = Record(keyCount: 16, headerCount: 13, count: 16_385, using: &generator)
    let sealed = record.sealed(by: path)
    for index in Array(stride(from: 0, to: sealed.count, by: 97)) + [sealed.count - 1] {
      var flipped = sealed
      flipped[index] ^= 0x80
      expectRefusal(record, flipped, path)
    }
  }
}
