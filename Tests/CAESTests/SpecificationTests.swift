import Basics
import CAES
import Testing

/// The test cases of "The Galois/Counter Mode of Operation" (McGrew and Viega, appendix B) whose nonces have
/// 96 bits.
///
/// Our additional data is a header of 5 or 13 bytes, theirs never: ciphertexts are theirs, and tags are held
/// to a hash that takes any additional data, bit by bit as SP 800-38D writes it, which is held to their tags.
@Suite(.enabled(if: !paths.isEmpty)) struct SpecificationTests {
  struct Case: CustomTestStringConvertible {
    let number: Int
    let key, plain, nonce, header, hashKey, tagMask, cipher, tag: String

    var testDescription: String { "case \(number)" }
  }

  @Test(arguments: cases, paths)
  func ciphertextsAreTheSpecificationsAndTagsFollow(vector: Case, path: caes_path) {
    let header: [UInt8] = [23, 3, 3, 0, 99]
    let record = Record(
      key: bytes(vector.key), nonce: bytes(vector.nonce), clear: header + bytes(vector.plain))
    let sealed = record.sealed(by: path)
    let cipher = bytes(vector.cipher)
    #expect(Array(sealed.dropFirst(header.count).dropLast(Record.tagCount)) == cipher)
    let hashKey = number(bytes(vector.hashKey))
    let tagMask = number(bytes(vector.tagMask))
    #expect(number(bytes(vector.tag)) == tagMask ^ hash(hashKey, bytes(vector.header), cipher))
    #expect(number(Array(sealed.suffix(Record.tagCount))) == tagMask ^ hash(hashKey, header, cipher))
    #expect(record.opened(sealed, by: path).isRight)
  }

  /// SP 800-38D section 6.4, over what section 7.1 makes of the arguments.
  private func hash(_ key: UInt128, _ header: [UInt8], _ cipher: [UInt8]) -> UInt128 {
    func padded(_ bytes: [UInt8]) -> [UInt8] {
      bytes + [UInt8](repeating: 0, count: (16 - bytes.count % 16) % 16)
    }
    let blocks = padded(header) + padded(cipher)
    var sum: UInt128 = 0
    for start in stride(from: 0, to: blocks.count, by: 16) {
      sum = product(sum ^ number(Array(blocks[start..<start + 16])), key)
    }
    return product(sum ^ (UInt128(8 * header.count) << 64 | UInt128(8 * cipher.count)), key)
  }

  /// SP 800-38D section 6.3: the leftmost bit is the coefficient of 1.
  private func product(_ a: UInt128, _ b: UInt128) -> UInt128 {
    var (sum, multiple): (UInt128, UInt128) = (0, b)
    for bit in (0..<128).reversed() {
      if a >> UInt128(bit) & 1 == 1 { sum ^= multiple }
      multiple = multiple & 1 == 1 ? multiple >> 1 ^ 0xe1 << 120 : multiple >> 1
    }
    return sum
  }

  private func number(_ bytes: [UInt8]) -> UInt128 { bytes.reduce(0) { $0 << 8 | UInt128($1) } }

  private func bytes(_ text: String) -> [UInt8] {
    let digits = text.filter { $0 != " " }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  private static let zeros = String(repeating: "00", count: 16)
  private static let key = "feffe9928665731c6d6a8f9467308308"
  private static let nonce = "cafebabefacedbaddecaf888"
  private static let header = "feedfacedeadbeeffeedfacedeadbeefabaddad2"
  private static let plain =
    "d9313225f88406e5a55909c5aff5269a 86a7a9531534f7da2e4c303d8a318a72"
    + "1c3c0c95956809532fcf0e2449a6b525 b16aedf5aa0de657ba637b39"
  private static let cipher =
    "42831ec2217774244b7221b784d0d49c e3aa212f2c02a4e035c17e2329aca12e"
    + "21d514b25466931c7d8f6a5aac84aa05 1ba30b396a0aac973d58e091"
  private static let longCipher =
    "522dc1f099567d07f47f37a32a84427d 643a8cdcbfe5c0c97598a2bd2555d1aa"
    + "8cb08e48590dbb3da7b08b1056828838 c5f61e6393ba7a0abcc9f662"

  static let cases = [
    Case(
      number: 1, key: zeros, plain: "", nonce: String(zeros.prefix(24)), header: "",
      hashKey: "66e94bd4ef8a2c3b884cfa59ca342b2e", tagMask: "58e2fccefa7e3061367f1d57a4e7455a", cipher: "",
      tag: "58e2fccefa7e3061367f1d57a4e7455a"),
    Case(
      number: 2, key: zeros, plain: zeros, nonce: String(zeros.prefix(24)), header: "",
      hashKey: "66e94bd4ef8a2c3b884cfa59ca342b2e", tagMask: "58e2fccefa7e3061367f1d57a4e7455a",
      cipher: "0388dace60b6a392f328c2b971b2fe78", tag: "ab6e47d42cec13bdf53a67b21257bddf"),
    Case(
      number: 3, key: key, plain: plain + "1aafd255", nonce: nonce, header: "",
      hashKey: "b83b533708bf535d0aa6e52980d53b78", tagMask: "3247184b3c4f69a44dbcd22887bbb418",
      cipher: cipher + "473f5985", tag: "4d5c2af327cd64a62cf35abd2ba6fab4"),
    Case(
      number: 4, key: key, plain: plain, nonce: nonce, header: header,
      hashKey: "b83b533708bf535d0aa6e52980d53b78", tagMask: "3247184b3c4f69a44dbcd22887bbb418",
      cipher: cipher, tag: "5bc94fbc3221a5db94fae95ae7121a47"),
    Case(
      number: 13, key: zeros + zeros, plain: "", nonce: String(zeros.prefix(24)), header: "",
      hashKey: "dc95c078a2408989ad48a21492842087", tagMask: "530f8afbc74536b9a963b4f1c4cb738b", cipher: "",
      tag: "530f8afbc74536b9a963b4f1c4cb738b"),
    Case(
      number: 14, key: zeros + zeros, plain: zeros, nonce: String(zeros.prefix(24)), header: "",
      hashKey: "dc95c078a2408989ad48a21492842087", tagMask: "530f8afbc74536b9a963b4f1c4cb738b",
      cipher: "cea7403d4d606b6e074ec5d3baf39d18", tag: "d0d1c8a799996bf0265b98b5d48ab919"),
    Case(
      number: 15, key: key + key, plain: plain + "1aafd255", nonce: nonce, header: "",
      hashKey: "acbef20579b4b8ebce889bac8732dad7", tagMask: "fd2caa16a5832e76aa132c1453eeda7e",
      cipher: longCipher + "898015ad", tag: "b094dac5d93471bdec1a502270e3cc6c"),
    Case(
      number: 16, key: key + key, plain: plain, nonce: nonce, header: header,
      hashKey: "acbef20579b4b8ebce889bac8732dad7", tagMask: "fd2caa16a5832e76aa132c1453eeda7e",
      cipher: longCipher, tag: "76fc6ece0f4e1768cddf8853bb2d551b"),
  ]
}
