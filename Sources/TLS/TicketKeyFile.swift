internal import COpenSSL
internal import Glibc

/// Reads keys of session tickets from files of HAProxy's form (`tls-ticket-keys`: a line of base64 for each
/// key, at least three, the last three count, the last but one seals) or nginx's (`ssl_session_ticket_key`:
/// a key's raw bytes; several files, the first seals). Which one it is shows in the content.
enum TicketKeyFile {
  typealias Loaded = (keys: [TicketKey], sealing: Int)

  /// HAProxy's TLS_TICKETS_NO.
  static let linesUsed = 3

  /// - Throws: which of the sources is wrong, and why.
  static func load(_ sources: [TLSConfiguration.Source]) throws(TLSError) -> Loaded {
    var keys: [TicketKey] = []
    for (index, source) in sources.enumerated() {
      do throws(TLSError) {
        let loaded = try load(source)
        if loaded.keys.count > 1 {
          guard sources.count == 1 else {
            throw TLSError(.badTicketKeys, "\(source.name): a file of base64 lines can't be one of several")
          }
          return loaded
        }
        guard !keys.contains(where: { $0.hasName(of: loaded.keys[0]) }) else {
          throw TLSError(.badTicketKeys, "\(source.name): a key before it has the same name")
        }
        keys += loaded.keys
      } catch {
        throw error.about(.ticketKeys(index))
      }
    }
    return (keys, 0)
  }

  private static func load(_ source: TLSConfiguration.Source) throws(TLSError) -> Loaded {
    let created = modificationTime(source)
    let text = try PEMText(source)
    return try text.withBytes { bytes throws(TLSError) in
      guard let size = TicketKey.Size(byteCount: bytes.count) else {
        return try lines(of: bytes, source.name, created)
      }
      return ([try raw(bytes, size, created)], 0)
    }
  }

  /// nginx has the two secrets of an 80-byte key the other way round than HAProxy.
  private static func raw(
    _ bytes: UnsafeRawBufferPointer, _ size: TicketKey.Size, _ created: WallTime
  ) throws(TLSError) -> TicketKey {
    let key = TicketKey(size, created: created) { room in
      let (name, half) = (TicketKey.nameCount, size.rawValue)
      room.copyMemory(from: bytes)
      if size == .large {
        room[name...].copyBytes(from: bytes[(name + half)...])
        room[(name + half)...].copyBytes(from: bytes[name..<(name + half)])
      }
      return true
    }
    guard let key else { throw .library("hold a ticket key") }
    return key
  }

  private static func lines(
    of bytes: UnsafeRawBufferPointer, _ file: String, _ created: WallTime
  ) throws(TLSError) -> Loaded {
    func wrong(_ what: String) -> TLSError { TLSError(.badTicketKeys, "\(file): \(what)") }
    guard bytes.allSatisfy({ (0x20...0x7e).contains($0) || (0x09...0x0d).contains($0) }) else {
      throw wrong("\(bytes.count) bytes are no ticket key; a raw one has 48 or 80, other files hold base64")
    }
    var keys: [TicketKey] = []
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (number, line) in lines.enumerated() {
      let text = UnsafeRawBufferPointer(rebasing: trimmed(line))
      if text.isEmpty { continue }
      guard let key = key(fromBase64: text, created) else {
        throw wrong("line \(number + 1) is no base64 of a ticket key's 48 or 80 bytes")
      }
      guard !keys.contains(where: { $0.hasName(of: key) }) else {
        throw wrong("line \(number + 1) has the name of a key before it")
      }
      keys.append(key)
    }
    guard keys.count >= linesUsed else {
      throw wrong("\(keys.count) keys; a file of base64 lines has at least \(linesUsed)")
    }
    return (Array(keys.suffix(linesUsed)), linesUsed - 2)
  }

  private static func trimmed(_ line: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
    var line = line.drop(while: isSpace)
    while let last = line.last, isSpace(last) { line = line.dropLast() }
    return line
  }

  /// Nil for what isn't a line of such a file.
  static func key(_ line: String, created: WallTime) -> TicketKey? {
    var line = line
    return line.withUTF8 { key(fromBase64: UnsafeRawBufferPointer($0), created) }
  }

  /// 64 characters make 48 bytes, 108 make 80 and one `=` stands for what is lacking.
  private static func key(fromBase64 text: UnsafeRawBufferPointer, _ created: WallTime) -> TicketKey? {
    guard let size = [64: TicketKey.Size.small, 108: .large][text.count] else { return nil }
    // OpenSSL writes whole groups, so one byte more than the key has.
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count / 4 * 3, alignment: 1)
    defer {
      OPENSSL_cleanse(room.baseAddress, room.count)
      room.deallocate()
    }
    let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
    let count = EVP_DecodeBlock(
      room.baseAddress?.assumingMemoryBound(to: UInt8.self),
      text.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(text.count))
    guard Int(count) - padding == size.byteCount else {
      ERR_clear_error()
      return nil
    }
    return TicketKey(size, created: created) { key in
      key.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[..<size.byteCount]))
      return true
    }
  }

  private static func modificationTime(_ source: TLSConfiguration.Source) -> WallTime {
    guard case .file(let path) = source else { return WallTime(seconds: 0) }
    var status = stat()
    guard stat(path, &status) == 0 else { return WallTime(seconds: 0) }
    return WallTime(seconds: Int64(status.st_mtim.tv_sec))
  }
}

extension TicketKey {
  func hasName(of other: TicketKey) -> Bool { name.elementsEqual(other.name) }
}
