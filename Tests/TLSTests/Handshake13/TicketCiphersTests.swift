import Basics
import COpenSSL
import Testing

@testable import TLS

@Suite struct TicketCiphersTests {
  private let library: TLSLibrary

  init() throws { library = try TLSLibrary() }

  /// What a context makes of a block with whatever key it has.
  private func apply(_ context: OpaquePointer, _ block: [UInt8]) -> [UInt8] {
    var bytes = block
    let vector = [UInt8](repeating: 0, count: 16)
    var count: Int32 = 0
    #expect(EVP_CipherInit_ex2(context, nil, nil, vector, -1, nil) == 1)
    #expect(EVP_CIPHER_CTX_set_padding(context, 0) == 1)
    #expect(
      bytes.withUnsafeMutableBufferPointer {
        EVP_CipherUpdate(context, $0.baseAddress, &count, UnsafePointer($0.baseAddress), 16)
      } == 1)
    return bytes
  }

  @Test func noKeyOutlivesItsTicket() throws {
    let key = try #require(TicketKey.random(created: WallTime(seconds: 0)))
    let plain: [UInt8] = Array(0..<48)
    var bytes = plain
    let vector = [UInt8](repeating: 7, count: 16)
    func use(seals: Bool) -> Bool {
      bytes.withUnsafeMutableBytes { bytes in
        vector.withUnsafeBytes {
          library.ticketCiphers.apply(seals: seals, key, small: nil, vector: $0.baseAddress!, bytes)
        }
      }
    }
    #expect(use(seals: true))
    #expect(bytes != plain)
    #expect(use(seals: false))
    #expect(bytes == plain)
    // AES-256 with a key of zeros.
    let known: [UInt8] = [
      0xdc, 0x95, 0xc0, 0x78, 0xa2, 0x40, 0x89, 0x89, 0xad, 0x48, 0xa2, 0x14, 0x92, 0x84, 0x20, 0x87,
    ]
    let zeros = [UInt8](repeating: 0, count: 16)
    #expect(apply(library.ticketCiphers.sealer, zeros) == known)
    #expect(apply(library.ticketCiphers.opener, known) == zeros)
  }
}
