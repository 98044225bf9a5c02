/// What a handshake of each class costs, in nanoseconds of CPU: a moving mean of what was measured.
public struct HandshakeCosts: Sendable {
  private var means = InlineArray<7, Double> { _ in 0 }

  /// A new measurement's weight: the mean follows within some 30 handshakes.
  private static let weight = 1.0 / 16
  /// A measurement counts as at most so many times the mean: a preempted thread is no dear handshake.
  private static let outlier = 8.0

  public init() {
    assert(HandshakeClass.allCases.count == HandshakeClass.count)
    for c in HandshakeClass.allCases { means[c.rawValue] = c.initialMicroseconds * 1000 }
  }

  public subscript(_ c: HandshakeClass) -> UInt64 { UInt64(means[c.rawValue]) }

  /// The class that costs the most where there are such certificates.
  public func dearest(_ certificates: HandshakeClass.Certificates) -> HandshakeClass {
    var dearest = HandshakeClass.tls12Resumed
    for c in HandshakeClass.each
    where c.comes(of: certificates) && means[c.rawValue] > means[dearest.rawValue] {
      dearest = c
    }
    return dearest
  }

  public mutating func learn(_ c: HandshakeClass, nanoseconds: UInt64) {
    guard c != .plain else { return }
    let mean = means[c.rawValue]
    let sample = min(Double(nanoseconds), mean * Self.outlier + 1000)
    means[c.rawValue] = mean + (sample - mean) * Self.weight
  }
}
