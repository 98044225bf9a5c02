import Basics
import Policy
import Testing

/// Return slots with the most extreme settings that a configuration may have.
@Suite struct ExtremeReturnTests {
  private static let limits: [RateLimit] = [
    .unlimited, RateLimit(0), RateLimit(1, per: .seconds(365 * 86_400)), RateLimit(1),
    RateLimit(500, burst: 50),
    RateLimit(10_000_000, burst: 10_000_000), RateLimit(1, per: .seconds(365 * 86_400), burst: 10_000_000),
  ]
  private static let patiences: [Duration] = [
    .milliseconds(10), .milliseconds(999), .seconds(1), .seconds(3), .seconds(60),
  ]

  @Test(arguments: Self.limits, Self.patiences) func slotsLieBetweenNowAndTheLimit(
    limit: RateLimit, patience: Duration
  ) {
    var generator = SeededGenerator(seed: 3)
    for (atMost, share) in [(Duration.seconds(1), nil), (.seconds(3600), 0.01), (.seconds(60), 1.0)]
      as [(Duration, Double?)]
    {
      for now in [at(0), at(1), MonotonicTime(nanoseconds: 1 << 60), MonotonicTime(nanoseconds: .max - 5)] {
        for c in [HandshakeClass.plain, .tls13RSA] {
          let shared = AdmissionShared(
            limit, workers: 1, capacity: 2_000_000, returns: ReturnSlots(atMost: atMost))
          var controller = AdmissionController(
            worker: 0, shared: shared, listeners: [AdmissionGate(limit, workers: 1)], slots: 1000,
            budget: HandshakeBudget(share: share, now: now))
          for index in 0..<100 {
            _ = controller.enter(slot(index), listener: 0, c, patience: patience, now: now)
          }
          for _ in 0..<300 {
            for soonest in [Duration.zero, HoldRoom.shortest] {
              let told = controller.reserveReturn(
                listener: 0, c, patience: patience, rounding: soonest == .zero ? .milliseconds(500) : .zero,
                soonest: soonest, now: now, using: &generator)
              #expect(told >= .zero && told <= atMost)
              _ = now + told
              _ = told.retryAfterSeconds
            }
          }
        }
      }
    }
  }
}
