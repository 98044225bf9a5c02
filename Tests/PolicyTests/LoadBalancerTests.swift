import Basics
import Policy
import Testing

@Suite struct LoadBalancerTests {
  typealias Candidate = LoadBalancer.Candidate

  private func choose(
    _ candidates: [Candidate], _ rule: LoadBalancer.Rule = .leastConnections, seed: UInt64 = 1
  )
    -> Int?
  {
    var generator = SeededGenerator(seed: seed)
    return LoadBalancer.choose(among: candidates, by: rule, using: &generator)
  }

  @Test func theFewestConnectionsForTheWeightWin() {
    #expect(choose([Candidate(connections: 5, weight: 1), Candidate(connections: 3, weight: 1)]) == 1)
    #expect(choose([Candidate(connections: 11, weight: 4), Candidate(connections: 3, weight: 1)]) == 0)
    #expect(choose([Candidate(connections: 0, weight: 1), Candidate(connections: 0, weight: 3)]) == 1)
  }

  @Test(arguments: [LoadBalancer.Rule.leastConnections, .roundRobin(turn: 0), .roundRobin(turn: 7)])
  func onlyWhoCanTakeOneIsChosen(rule: LoadBalancer.Rule) {
    let candidates = [
      Candidate(connections: 0, weight: 0), Candidate(connections: 2, weight: 1, connectionsLimit: 2),
      Candidate(connections: 0, weight: 1, isTried: true),
      Candidate(connections: 9, weight: 1, connectionsLimit: 10),
    ]
    #expect(choose(candidates, rule) == 3)
    #expect(choose(Array(candidates.prefix(3)), rule) == nil)
    #expect(choose([], rule) == nil)
  }

  @Test func chanceDecidesEvenlyBetweenEquals() {
    var generator = SeededGenerator.told(4711)
    var chosen = [0, 0, 0]
    let candidates = (0..<3).map { _ in Candidate(connections: 4, weight: 2) }
    for _ in 0..<3000 {
      if let index = LoadBalancer.choose(among: candidates, by: .leastConnections, using: &generator) {
        chosen[index] += 1
      }
    }
    for count in chosen { #expect((900...1100).contains(count)) }
  }

  @Test func connectionsSpreadByWeight() {
    var generator = SeededGenerator.told()
    var candidates = [1, 2, 5].map { Candidate(connections: 0, weight: $0) }
    for _ in 0..<800 {
      if let index = LoadBalancer.choose(among: candidates, by: .leastConnections, using: &generator) {
        candidates[index].connections += 1
      }
    }
    #expect(abs(candidates[0].connections - 100) <= 1)
    #expect(abs(candidates[1].connections - 200) <= 1)
    #expect(abs(candidates[2].connections - 500) <= 1)
  }

  @Test func turnsVisitEachInProportionToItsWeight() {
    let candidates = [100, 50, 250].map { Candidate(connections: 0, weight: $0) }
    var chosen = [0, 0, 0]
    for turn: UInt64 in 0..<80 {
      if let index = choose(candidates, .roundRobin(turn: turn)) { chosen[index] += 1 }
    }
    #expect(chosen == [20, 10, 50])
  }

  @Test func aHeavyOneIsNotChosenInOneRun() {
    let candidates = [Candidate(connections: 0, weight: 5), Candidate(connections: 0, weight: 5)]
    let runs = (UInt64(0)..<10).map { choose(candidates, .roundRobin(turn: $0)) }
    #expect(Set(runs.prefix(2)) == [0, 1])
  }
}
