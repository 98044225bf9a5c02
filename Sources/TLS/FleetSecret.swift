internal import COpenSSL

/// What a fleet derives its ticket keys from: instances that have the same secret and the same lifetime of
/// tickets make the same keys, epoch by epoch, and so resume each other's sessions without a word between
/// them. Wiped when the last holder lets go.
final class FleetSecret: @unchecked Sendable {
  static let minimumCount = 32

  /// Never written again after init.
  private let bytes: UnsafeMutableRawBufferPointer

  /// The file's bytes as they are, a newline at the end included.
  init(_ source: TLSConfiguration.Source) throws(TLSError) {
    do throws(TLSError) {
      let text = try PEMText(source)
      bytes = try text.withBytes { bytes throws(TLSError) in
        guard bytes.count >= Self.minimumCount else {
          throw TLSError(
            .badTicketKeys,
            "\(source.name): \(bytes.count) bytes; a fleet secret has at least \(Self.minimumCount)")
        }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyMemory(from: bytes)
        return copy
      }
    } catch {
      throw error.about(.fleetSecret)
    }
  }

  deinit {
    OPENSSL_cleanse(bytes.baseAddress, bytes.count)
    bytes.deallocate()
  }

  /// The key of an epoch: name, AES-256 key and HMAC key are the output of HKDF-SHA256 (RFC 5869) without
  /// salt; the info is "tidegate ticket key", and the epoch's length in seconds and its number as 8 bytes
  /// each, big-endian. Part of what instances of different versions agree on: never to be changed.
  /// - Returns: nil when OpenSSL can't.
  func key(epoch: Int64, length: Int64) -> TicketKey? {
    var info = Array("tidegate ticket key".utf8)
    for number in [length, epoch] { withUnsafeBytes(of: number.bigEndian) { info += $0 } }
    return TicketKey(.large, created: WallTime(seconds: epoch * length)) { derive(info, into: $0) }
  }

  private func derive(_ info: [UInt8], into room: UnsafeMutableRawBufferPointer) -> Bool {
    let context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nil)
    defer {
      EVP_PKEY_CTX_free(context)
      ERR_clear_error()
    }
    var count = room.count
    return EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()) == 1
      && EVP_PKEY_CTX_set1_hkdf_key(
        context, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count)) == 1
      && EVP_PKEY_CTX_add1_hkdf_info(context, info, Int32(info.count)) == 1
      && EVP_PKEY_derive(context, room.baseAddress?.assumingMemoryBound(to: UInt8.self), &count) == 1
      && count == room.count
  }
}
