internal import COpenSSL
internal import Glibc

/// A file's bytes as OpenSSL reads them, wiped at the end, since it may be a key.
struct PEMText: ~Copyable {
  /// More than any chain of certificates has; a path of /dev/zero's kind must end.
  private static let limit = 1 << 20

  private let bytes: UnsafeMutableRawBufferPointer
  /// Reads the bytes; lives as long as this value.
  let bio: OpaquePointer

  init(_ source: TLSConfiguration.Source, limit: Int = limit) throws(TLSError) {
    let bytes =
      switch source {
      case .file(let path): try Self.read(path, limit)
      case .text(let text, _): Self.copy(text)
      }
    guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
      bytes.deallocate()
      throw .library("make a BIO")
    }
    self.bytes = bytes
    self.bio = bio
  }

  deinit {
    BIO_free(bio)
    OPENSSL_cleanse(bytes.baseAddress, bytes.count)
    bytes.deallocate()
  }

  /// For what isn't PEM. The bytes are wiped once this value is gone.
  func withBytes<Result, Failure>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(bytes))
  }

  func contains(_ text: String) -> Bool {
    bytes.indices.contains { bytes[$0...].starts(with: text.utf8) }
  }

  private static func copy(_ text: String) -> UnsafeMutableRawBufferPointer {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
    bytes.copyBytes(from: text.utf8)
    return bytes
  }

  private static func read(_ path: String, _ limit: Int) throws(TLSError) -> UnsafeMutableRawBufferPointer {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path, errno) }
    defer { close(descriptor) }
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: limit, alignment: 1)
    var count = 0
    while count < limit {
      let got = Glibc.read(descriptor, room.baseAddress! + count, limit - count)
      if got < 0, errno == EINTR { continue }
      if got < 0 {
        let code = errno
        OPENSSL_cleanse(room.baseAddress, count)
        room.deallocate()
        throw unreadable(path, code)
      }
      if got == 0 { return UnsafeMutableRawBufferPointer(rebasing: room[..<count]) }
      count += got
    }
    room.deallocate()
    throw TLSError(.notPEM, "\(path): longer than \(limit) bytes")
  }

  private static func unreadable(_ path: String, _ code: Int32) -> TLSError {
    TLSError(.unreadable, "\(path): \(String(cString: strerror(code)))")
  }
}
