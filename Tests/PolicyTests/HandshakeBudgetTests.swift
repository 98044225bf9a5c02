import Basics
import Policy
import Testing

@Suite struct HandshakeBudgetTests {
  @Test(arguments: [0.05, 0.25, 0.6, 1.0])
  func handshakesTakeTheirShareOfTheTimeAndNoMore(share: Double) {
    var generator = SeededGenerator.told()
    var budget = HandshakeBudget(share: share, now: at(1))
    var (now, spent) = (at(1), 0.0)
    while now < at(11) {
      guard budget.canStart(.tls13RSA, now: now) else {
        now = budget.nextAt(.tls13RSA, now: now)
        continue
      }
      let reservation = budget.start(.tls13RSA, now: now)
      let cost = UInt64.random(in: 200_000...500_000, using: &generator)
      budget.settle(reservation, measuredAs: .tls13RSA, nanoseconds: cost, now: now)
      spent += Double(cost) / 1e9
    }
    #expect(spent <= 10 * share + 0.021)
    #expect(spent >= 10 * share - 0.002)
  }

  @Test func whatIsUnderWayIsSetAsideBeforeItIsMeasured() {
    var budget = HandshakeBudget(share: 0.5, burst: .milliseconds(1), now: at(1))
    var started = 0
    while budget.canStart(.tls13ECDSA, now: at(1)) {
      _ = budget.start(.tls13ECDSA, now: at(1))
      started += 1
    }
    #expect(started == 5)
  }

  @Test func aHandshakeThatFailedGivesBackWhatItDidNotUse() {
    var budget = HandshakeBudget(share: 0.5, burst: .milliseconds(1), now: at(1))
    let cost = budget.costs[.tls13RSA]
    let reservation = budget.start(.tls13RSA, now: at(1))
    budget.settle(reservation, measuredAs: nil, nanoseconds: 10_000, now: at(1))
    #expect(budget.available(now: at(1)) == 1_000_000 - 10_000)
    #expect(budget.costs[.tls13RSA] == cost)
  }

  @Test func costsFollowWhatIsMeasuredAndNotAFreak() {
    var budget = HandshakeBudget(share: nil, now: at(1))
    for _ in 0..<100 { budget.charge(.tls13ECDSA, nanoseconds: 400_000, now: at(1)) }
    #expect(abs(Int(budget.costs[.tls13ECDSA]) - 400_000) < 2000)
    budget.charge(.tls13ECDSA, nanoseconds: 10_000_000_000, now: at(1))
    #expect(budget.costs[.tls13ECDSA] < 600_000)
    #expect(budget.costs[.plain] == 0)
  }

  @Test func debtIsPaidBeforeAnythingStartsAndIsBounded() {
    var budget = HandshakeBudget(share: 0.5, burst: .milliseconds(10), now: at(1))
    budget.charge(.tls13RSA, nanoseconds: 30_000_000, now: at(1))
    #expect(budget.canStart(.tls12Resumed, now: at(1.03)) == false)
    #expect(budget.canStart(.tls12Resumed, now: at(1.041)) == true)
    for _ in 0..<9 { budget.charge(.tls13RSA, nanoseconds: .max, now: at(2)) }
    #expect(budget.nextAt(.tls12Resumed, now: at(2)) < at(2.1))
  }

  @Test func nextAtIsTheFirstInstantThatWillDo() {
    var budget = HandshakeBudget(share: 0.3, burst: .milliseconds(1), now: at(1))
    while budget.canStart(.tls13RSA, now: at(1)) { _ = budget.start(.tls13RSA, now: at(1)) }
    let next = budget.nextAt(.tls13RSA, now: at(1))
    var earlier = budget
    #expect(earlier.canStart(.tls13RSA, now: MonotonicTime(nanoseconds: next.nanoseconds - 10)) == false)
    #expect(budget.canStart(.tls13RSA, now: next) == true)
  }

  @Test func plainConnectionsNeedNoBudget() {
    var budget = HandshakeBudget(share: 0, now: at(1))
    while budget.canStart(.tls12Resumed, now: at(1)) { _ = budget.start(.tls12Resumed, now: at(1)) }
    #expect(budget.canStart(.plain, now: at(1)) == true)
    #expect(budget.nextAt(.plain, now: at(1)) == at(1))
    #expect(budget.nextAt(.tls13RSA, now: at(1)) == .distantFuture)
  }

  @Test func aClassDearerThanTheBurstCanStartAllTheSame() {
    var budget = HandshakeBudget(share: 0.5, burst: .microseconds(100), now: at(1))
    #expect(budget.canStart(.tls13RSA, now: at(1)) == true)
    _ = budget.start(.tls13RSA, now: at(1))
    #expect(budget.canStart(.tls13RSA, now: budget.nextAt(.tls13RSA, now: at(1))) == true)
  }

  @Test func anotherShareFillsFromTheReloadOn() {
    var budget = HandshakeBudget(share: 0.1, burst: .milliseconds(10), now: at(1))
    budget.charge(.tls13RSA, nanoseconds: 10_000_000, now: at(1))
    budget.change(share: 0.5, now: at(1.01))
    #expect(budget.available(now: at(1.01)) == 1_000_000)
    #expect(budget.available(now: at(1.02)) == 6_000_000)
    budget.change(share: nil, now: at(1.02))
    #expect(budget.available(now: at(1.02)) == .max)
  }

  @Test func aClassIsKnownByVersionCertificateAndTicket() {
    #expect(HandshakeClass(.tls13, .rsa, isResumed: false) == .tls13RSA)
    #expect(HandshakeClass(.tls13, .rsa, isResumed: true) == .tls13Resumed)
    #expect(HandshakeClass(.tls12, .ecdsa, isResumed: true) == .tls12Resumed)
    #expect(HandshakeClass(.tls12, .ecdsa, isResumed: false) == .tls12ECDSA)
  }
}
