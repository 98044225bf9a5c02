internal import Policy

extension ValueType where Value == Rate {
  /// Optional wherever it stands. More than nobody, and no more than a clock of nanoseconds tells apart.
  static var rate: Self {
    let expected = "a rate such as 500/s or off"
    return text(expected, show: ScalarText.text) { text, location, reading in
      guard let rate = ScalarText.rate(text) else {
        reading.report(location, "expected \(expected), got \(quoted(text))")
        return nil
      }
      if rateRange.contains(rate.count) { return rate }
      let (least, most) = (
        Rate(rateRange.lowerBound, per: rate.period), Rate(rateRange.upperBound, per: rate.period)
      )
      let bounds = "from \(ScalarText.text(least)) to \(ScalarText.text(most))"
      reading.report(location, "must be \(bounds), got \(ScalarText.text(rate))")
      return nil
    }
  }
}

private let rateRange = 1...10_000_000

extension ValueType where Value == Int {
  /// Live connections at most, where there may be no limit.
  static var connectionsOrOff: Self {
    integer(1...2_000_000, expected: "a whole number such as 100 or off")
  }

  /// How many may come at once after a rest.
  static var burst: Self { integer(1...10_000_000) }
}

extension ValueType where Value == Double {
  /// A share of a worker's time in whole percent, from 0 to 1.
  static func share(expected: String = "a percentage such as 60%") -> Self {
    scalar(
      expected, show: { "\(Int(($0 * 100).rounded()))%" },
      parse: { ScalarText.percent($0).map { Double($0) / 100 } }
    ).within(0.01...1)
  }
}

extension ValueType where Value == CIDR {
  /// A block of client addresses.
  static var cidr: Self {
    let expected = "a block of addresses such as 10.0.0.0/8 or 2001:db8::/32"
    return text(expected, show: { $0.description }) { text, location, reading in
      do throws(CIDRError) {
        return try CIDR(text)
      } catch {
        reading.report(location, complaint(error, text, expected))
        return nil
      }
    }
  }

  /// What is written comes from the file and may be anything, so it is quoted here.
  private static func complaint(_ error: CIDRError, _ text: String, _ expected: String) -> String {
    switch error {
    case .address: "expected \(expected), got \(quoted(text))"
    case .prefix(let prefix, let most):
      "\(quoted(text)) has no prefix length from 0 to \(most), but \(quoted(prefix))"
    case .hostBits(_, let suggestion):
      "\(quoted(text)) has bits set behind its prefix; did you mean \(quoted(suggestion))?"
    }
  }
}
