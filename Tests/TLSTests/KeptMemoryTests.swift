import COpenSSL
import Glibc
import Testing

/// The memory that OpenSSL works with, whether or not it came first in this process.
@Suite struct KeptMemoryTests {
  @Test func blocksAreAlignedDistinctAndAsLargeAsAsked() {
    let counts = [1, 15, 16, 17, 1023, 1024, 1025, 1280, 1281, 16384, 16704, 32768, 32769, 1 << 20]
    let blocks = counts.map { count in
      let block = copenssl_take(count, "", 0)!
      memset(block, Int32(count & 0xff), count)
      return block
    }
    for (count, block) in zip(counts, blocks) {
      #expect(UInt(bitPattern: block) % 16 == 0)
      let bytes = UnsafeRawBufferPointer(start: block, count: count)
      #expect(bytes.allSatisfy { $0 == UInt8(count & 0xff) })
    }
    blocks.forEach { copenssl_give($0, "", 0) }
  }

  @Test func growingKeepsWhatIsThere() {
    var block = copenssl_take(1, "", 0)!
    block.storeBytes(of: 77, as: UInt8.self)
    var count = 1
    while count < 100_000 {
      let larger = count * 3 / 2 + 1
      block = copenssl_change(block, larger, "", 0)!
      #expect(block.load(as: UInt8.self) == 77)
      #expect(block.load(fromByteOffset: count - 1, as: UInt8.self) == (count == 1 ? 77 : 88))
      memset(block + 1, 88, larger - 1)
      count = larger
    }
    copenssl_give(block, "", 0)
  }

  @Test func aThreadKeepsNoMoreThanItsLimit() {
    let blocks = (0..<200).map { _ in copenssl_take(16704, "", 0)! }
    blocks.forEach { copenssl_give($0, "", 0) }
    #expect(copenssl_kept_bytes() <= COPENSSL_KEPT_LIMIT)
  }

  @Test func whatIsFreedIsTheNextOfItsSize() {
    copenssl_give_back_kept()
    #expect(copenssl_kept_bytes() == 0)
    let first = copenssl_take(300, "", 0)!
    let kept = copenssl_kept_bytes()
    copenssl_give(first, "", 0)
    #expect(copenssl_kept_bytes() > kept)
    let second = copenssl_take(290, "", 0)
    #expect(second == first)
    #expect(copenssl_kept_bytes() == kept)
    copenssl_give(second, "", 0)
  }

  @Test func whatCannotBeHadIsNil() {
    #expect(copenssl_take(.max, "", 0) == nil)
    let block = copenssl_take(8, "", 0)!
    #expect(copenssl_change(block, .max, "", 0) == nil)
    copenssl_give(block, "", 0)
  }
}
