import CAES

private let paths = [caes_path_aesni, caes_path_avx2, caes_path_avx512].filter {
  $0.rawValue <= caes_path_best().rawValue
}

/// All ways to do AES-GCM that this processor has seal the same, in memory of exactly the record's size; what was sealed opens, and
/// with one bit flipped it doesn't.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count).bytes
  let fixed = 32 + Int(caes_nonce_count) + 3
  guard input.count >= fixed + Int(caes_header_count), paths.count > 1 else { return 0 }
  let key = Array(input[..<32])
  let nonce = Array(input[32..<32 + Int(caes_nonce_count)])
  let choices = Array(input[fixed - 3..<fixed])
  let content = Array(input[fixed...])
  let isLong = choices[0] & 1 == 1
  let headerCount = Int(choices[0] & 2 == 0 ? caes_header_count : caes_long_header_count)
  guard content.count >= headerCount else { return 0 }
  let sealed = paths.map { seal(content, key, isLong, nonce, headerCount, $0) }
  precondition(sealed.allSatisfy { $0 == sealed[0] }, "the ways differ")
  var flipped = sealed[0]
  flipped[(Int(choices[1]) << 8 | Int(choices[2])) % flipped.count] ^= 1 << (choices[0] >> 5)
  for path in paths {
    let opened = [sealed[0], flipped].map { open($0, key, isLong, nonce, headerCount, path) }
    precondition(opened[0] == content, "what was sealed doesn't open")
    precondition(opened[1] == nil, "a flipped bit goes unnoticed")
  }
  return 0
}

private func seal(
  _ content: [UInt8], _ key: [UInt8], _ isLong: Bool, _ nonce: [UInt8], _ headerCount: Int,
  _ path: caes_path
) -> [UInt8] {
  let count = content.count + Int(caes_tag_count)
  let record = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
  defer { record.deallocate() }
  for index in 0..<count { record[index] = index < content.count ? content[index] : 0 }
  caes_gcm_seal(path, key, isLong ? 32 : 16, nonce, record, headerCount, content.count - headerCount)
  return Array(UnsafeBufferPointer(start: record, count: count))
}

private func open(
  _ bytes: [UInt8], _ key: [UInt8], _ isLong: Bool, _ nonce: [UInt8], _ headerCount: Int,
  _ path: caes_path
) -> [UInt8]? {
  let record = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
  defer { record.deallocate() }
  for index in bytes.indices { record[index] = bytes[index] }
  let count = bytes.count - Int(caes_tag_count)
  let isRight = caes_gcm_open(
    path, key, isLong ? 32 : 16, nonce, record, headerCount, count - headerCount)
  return isRight ? Array(UnsafeBufferPointer(start: record, count: count)) : nil
}
