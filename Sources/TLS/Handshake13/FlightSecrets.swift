/// Where the secrets of one flight are, in memory that its owner wipes.
struct FlightSecrets {
  enum Place: Int {
    case early, salt, main, clientHandshake, serverHandshake, hash, result, iv
    /// Of 52 bytes.
    case random
  }

  private static let stride = 64
  static let byteCount = stride * (Place.random.rawValue + 1)

  let memory: UnsafeMutableRawPointer

  subscript(_ place: Place) -> UnsafeMutableRawPointer { memory + Self.stride * place.rawValue }

  var serverRandom: UnsafeRawPointer { UnsafeRawPointer(self[.random]) }
  var vector: UnsafeRawPointer { UnsafeRawPointer(self[.random] + 32) }
  var ageAdd: UnsafeRawPointer { UnsafeRawPointer(self[.random] + 48) }

  /// Draws what others come to see of a handshake's random bytes: of another generator than the key, so that it says
  /// nothing of that even where generators are worth less than we think (RFC 8446 appendix C.1).
  func draw(_ library: TLSLibrary) -> Bool {
    library.fillRandom(UnsafeMutableRawBufferPointer(start: self[.random], count: 52))
  }
}

extension UnsafeMutableRawPointer {
  var octets: UnsafeMutablePointer<UInt8> { assumingMemoryBound(to: UInt8.self) }
}

extension UnsafeRawBufferPointer {
  var octets: UnsafePointer<UInt8>? { baseAddress?.assumingMemoryBound(to: UInt8.self) }
}
