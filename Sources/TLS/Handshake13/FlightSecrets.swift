/// Where the secrets of one flight are, in memory that its owner wipes.
struct FlightSecrets {
  enum Place: Int {
    case early, salt, main, clientHandshake, serverHandshake, shared, hash, result, iv
    /// 65 bytes at most.
    case share
    case random = 11
  }

  private static let stride = 64
  static let byteCount = stride * (Place.random.rawValue + 2)

  let memory: UnsafeMutableRawPointer

  subscript(_ place: Place) -> UnsafeMutableRawPointer { memory + Self.stride * place.rawValue }

  /// All of a handshake's random bytes, drawn at once.
  var random: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: self[.random], count: 84) }
  var serverRandom: UnsafeRawPointer { UnsafeRawPointer(self[.random]) }
  var privateKey: UnsafePointer<UInt8> { UnsafePointer((self[.random] + 32).octets) }
  var vector: UnsafeRawPointer { UnsafeRawPointer(self[.random] + 64) }
  var ageAdd: UnsafeRawPointer { UnsafeRawPointer(self[.random] + 80) }
}

extension UnsafeMutableRawPointer {
  var octets: UnsafeMutablePointer<UInt8> { assumingMemoryBound(to: UInt8.self) }
}

extension UnsafeRawBufferPointer {
  var octets: UnsafePointer<UInt8>? { baseAddress?.assumingMemoryBound(to: UInt8.self) }
}
