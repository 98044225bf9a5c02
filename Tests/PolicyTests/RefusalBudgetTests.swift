import Basics
import Policy
import Testing

@Suite struct RefusalBudgetTests {
  @Test func readableRefusalsTakeTheirShareAndNoMore() {
    var budget = RefusalBudget(share: 0.1, now: at(1))
    var (now, readable) = (at(1), 0)
    while now < at(3) {
      if budget.canAfford(handshake: 180_000, now: now) {
        budget.begin(handshake: 180_000, now: now)
        budget.end()
        budget.charge(refusal: 20_000, now: now)
        readable += 1
      }
      now = now + .microseconds(100)
    }
    // 200 us each of 2 s x 10 %, and the burst of 10 ms.
    #expect((1000...1051).contains(readable))
  }

  @Test func itLearnsWhatARefusalCosts() {
    var budget = RefusalBudget(share: nil, now: at(1))
    for _ in 0..<200 { budget.charge(refusal: 50_000, now: at(1)) }
    #expect(abs(budget.cost - 50_000) < 500)
    #expect(budget.canAfford(handshake: .max, now: at(1)) == true)
  }

  @Test func withoutAShareNoneIsReadableOnceTheBurstIsSpent() {
    var budget = RefusalBudget(share: 0, now: at(1))
    budget.begin(handshake: 20_000_000, now: at(1))
    budget.end()
    #expect(budget.canAfford(handshake: 0, now: at(1000)) == false)
    budget.change(share: 0.5, now: at(1000))
    #expect(budget.canAfford(handshake: 0, now: at(1001)) == true)
  }

  @Test func noMoreAreUnderWayThanTheShareMakesInAQuarterOfASecond() {
    var budget = RefusalBudget(share: 0.1, burst: .seconds(10), now: at(1))
    var begun = 0
    while budget.canAfford(handshake: 180_000, now: at(1)), begun < 1000 {
      budget.begin(handshake: 180_000, now: at(1))
      begun += 1
    }
    // 200 us each of 250 ms x 10 %.
    #expect(begun == 125)
    budget.end()
    #expect(budget.canAfford(handshake: 180_000, now: at(1)) == true)
    budget.begin(handshake: 180_000, now: at(1))
    #expect(budget.canAfford(handshake: 180_000, now: at(2)) == false)
  }
}
