import COpenSSL
import Glibc
import Testing

@testable import TLS

/// The memory that OpenSSL works with, by its own interface: CRYPTO_malloc and its kind.
@Suite struct KeptMemoryTests {
  init() throws { _ = try TLSLibrary() }

  @Test func blocksAreAlignedDistinctAndAsLargeAsAsked() {
    let counts = [1, 15, 16, 17, 1023, 1024, 1025, 1280, 1281, 16384, 16704, 32768, 32769, 1 << 20]
    let blocks = counts.map { count in
      let block = CRYPTO_malloc(count, "", 0)!
      memset(block, Int32(count & 0xff), count)
      return block
    }
    for (count, block) in zip(counts, blocks) {
      #expect(UInt(bitPattern: block) % 16 == 0)
      let bytes = UnsafeRawBufferPointer(start: block, count: count)
      #expect(bytes.allSatisfy { $0 == UInt8(count & 0xff) })
    }
    blocks.forEach { CRYPTO_free($0, "", 0) }
  }

  @Test func growingKeepsWhatIsThere() {
    var block = CRYPTO_malloc(1, "", 0)!
    block.storeBytes(of: 77, as: UInt8.self)
    var count = 1
    while count < 100_000 {
      let larger = count * 3 / 2 + 1
      block = CRYPTO_realloc(block, larger, "", 0)!
      #expect(block.load(as: UInt8.self) == 77)
      #expect(block.load(fromByteOffset: count - 1, as: UInt8.self) == (count == 1 ? 77 : 88))
      memset(block + 1, 88, larger - 1)
      count = larger
    }
    CRYPTO_free(block, "", 0)
  }

  @Test func aThreadKeepsNoMoreThanItsLimit() {
    let blocks = (0..<200).map { _ in CRYPTO_malloc(16704, "", 0)! }
    blocks.forEach { CRYPTO_free($0, "", 0) }
    #expect(copenssl_kept_bytes() <= COPENSSL_KEPT_LIMIT)
  }

  @Test func clearedMemoryIsZeroThoughItWasUsedBefore() {
    for _ in 0..<3 {
      let block = CRYPTO_zalloc(300, "", 0)!
      #expect(UnsafeRawBufferPointer(start: block, count: 300).allSatisfy { $0 == 0 })
      memset(block, 5, 300)
      CRYPTO_free(block, "", 0)
    }
  }
}
