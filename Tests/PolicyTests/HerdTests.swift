import Basics
import Policy
import Testing

/// The storms of the issue, in virtual time, against the code that decides in production.
@Suite struct HerdTests {
  /// Runs a herd and expects of it what every herd must do.
  private func run(
    _ plan: HerdWorld.Plan, workers: Int, within tolerance: Double = 1.05, test: String = #function,
    seed: UInt64 = .random(in: 0...9_999_999)
  ) -> Outcome {
    print("\(test): seed \(seed), \(workers) workers")
    var world = HerdWorld(plan, workers: workers, seed: seed)
    world.run()
    #expect(world.isIn, "\(world.admittedAt.count) of \(plan.clients) are in")
    #expect(world.ghosts == 0, "admitted, but gone")
    #expect(world.waits.allSatisfy { $0 <= plan.patience.inSeconds })
    let last = Double(world.admittedAt.last ?? 0) / 1000
    let seconds = world.perSecond
    if plan.rate > 0 {
      let ideal = Double(plan.clients) / Double(plan.rate)
      // The very last ones may be away: their own pauses of up to a second say when they come.
      let most = Double(world.admittedAt.dropFirst(plan.clients * 999 / 1000).first ?? 0) / 1000
      #expect(most <= ideal * tolerance)
      #expect(last <= ideal * tolerance + 1)
      var left = plan.clients
      for (second, count) in seconds.enumerated() {
        // Until fewer are left than a second lets in.
        if left >= plan.rate { #expect(Double(count) >= Double(plan.rate) * 0.98, "second \(second)") }
        #expect(count <= plan.rate + (second == 0 ? plan.burst : plan.burst / 2), "second \(second)")
        left -= count
      }
    }
    print("\(test): all in after \(last) s, \(world.refusals) refusals, \(world.lateRefusals) of them late")
    return Outcome(
      last: last, refusals: world.refusals, lateRefusals: world.lateRefusals, unheard: world.unheard,
      classes: world.admittedClasses, times: world.admittedAt, waiting: world.shared.waitingCount)
  }

  struct Outcome {
    var last: Double
    var refusals: Int
    var lateRefusals: Int
    var unheard: Int
    var classes: [HandshakeClass]
    var times: [Int]
    var waiting: Int
  }

  @Test(arguments: [1, 2, 8]) func aPatientHerdComesInAtTheRate(workers: Int) {
    let outcome = run(HerdWorld.Plan(), workers: workers)
    #expect(outcome.lateRefusals * 100 < outcome.refusals)
    #expect(outcome.waiting == 0)
  }

  @Test(arguments: [1, 2, 8], [nil, 20, 100])
  func aHerdThatGivesUpAfterTwoSecondsComesInAtTheRate(workers: Int, hello: Int?) {
    var plan = HerdWorld.Plan()
    plan.timeout = 2
    plan.hello = hello
    if hello != nil { plan.patience = .milliseconds(1700) }
    let outcome = run(plan, workers: workers)
    // Only a sample says in vain what it is.
    if hello != nil { #expect(outcome.unheard > outcome.refusals * 8 / 10) }
  }

  @Test(arguments: [1, 4]) func aHerdAsPatientAsTheRoomIsRefusedNothing(workers: Int) {
    var plan = HerdWorld.Plan()
    plan.patience = .seconds(10)
    let outcome = run(plan, workers: workers)
    #expect(outcome.refusals == 0)
  }

  @Test(arguments: [2]) func aHerdThatObeysComesInAtTheRate(workers: Int) {
    var plan = HerdWorld.Plan()
    plan.habit = .obeys
    plan.clients = 20_000
    let outcome = run(plan, workers: workers)
    // Each is told once, and hardly anyone twice.
    #expect(outcome.refusals < 20_000 * 11 / 10)
  }

  /// 20,000 at once where 500 a second may come in. They are told when to come again, and do: from the second on
  /// in which the room has been filled, as many come as can be let in, and hardly anybody is refused twice.
  @Test(arguments: [HerdHabit.obeys, .held], [1, 2, 8])
  func aHerdThatObeysReturnsAsAFlatLine(habit: HerdHabit, workers: Int) {
    var plan = HerdWorld.Plan()
    plan.habit = habit
    plan.clients = 20_000
    let seed = UInt64.random(in: 0...9_999_999)
    var world = HerdWorld(plan, workers: workers, seed: seed)
    world.run()
    let admitted = world.perSecond.dropFirst().dropLast(2)
    let returned = HerdWorld.perSecond(world.returns)
    print("\(#function): seed \(seed), \(habit), \(workers) workers: admitted \(world.perSecond)")
    print("returned \(returned), refused again \(world.refusedAgain)")
    #expect(world.isIn)
    for count in admitted { #expect((490...510).contains(count), "\(admitted)") }
    // Between the first that were told to come and the last.
    for count in returned.dropFirst(3).dropLast(3) { #expect((400...600).contains(count), "\(returned)") }
    #expect(world.refusedAgain <= 400, "\(world.refusedAgain) of 20,000")
  }

  /// Nobody is held for less than a second, and a room of half a second doesn't take all of those whose slots were sooner.
  @Test(arguments: [1, 2, 8]) func theHeldReturnToAShortRoomAsALineToo(workers: Int) {
    var plan = HerdWorld.Plan()
    (plan.habit, plan.patience) = (.held, .milliseconds(500))
    let seed = UInt64.random(in: 0...9_999_999)
    var world = HerdWorld(plan, workers: workers, seed: seed)
    world.run()
    print("\(#function): seed \(seed), \(workers) workers: refused again \(world.refusedAgain)")
    print("admitted \(world.perSecond), returned \(HerdWorld.perSecond(world.returns))")
    #expect(world.isIn)
    #expect(world.refusedAgain <= 20, "\(world.refusedAgain) of 5000")
    for count in world.perSecond.dropFirst(2).dropLast(2) {
      #expect((490...510).contains(count), "\(world.perSecond)")
    }
  }

  /// Classes, several workers, and other settings in the middle: a rate where there was none, and half of the
  /// handshakes' share.
  @Test(arguments: [2, 4]) func aStormOfManyClassesOutlivesAReload(workers: Int) {
    var plan = HerdWorld.Plan()
    (plan.rate, plan.share, plan.clients) = (0, 0.2, 6000)
    plan.classes = [.tls13RSA, .tls13Resumed, .tls12ECDSA]
    plan.habit = .immediate
    plan.reload = .init(step: 1000, rate: RateLimit(700, burst: 20), share: 0.1)
    let seed = UInt64.random(in: 0...9_999_999)
    print("\(#function): seed \(seed), \(workers) workers")
    var world = HerdWorld(plan, workers: workers, seed: seed)
    world.run()
    #expect(world.isIn && world.ghosts == 0 && world.shared.waitingCount == 0)
    let costs: [HandshakeClass: Double] = [.tls13RSA: 370e-6, .tls13Resumed: 150e-6, .tls12ECDSA: 160e-6]
    var (before, after, byClass) = (0.0, 0.0, [HandshakeClass: [Int]]())
    for (step, c) in zip(world.admittedAt, world.admittedClasses) {
      if step < 1000 { before += costs[c]! } else { after += costs[c]! }
      byClass[c, default: []].append(step)
    }
    let last = Double(world.admittedAt.last ?? 0) / 1000
    // What a rest has saved up is 20 ms for each worker.
    #expect(before <= Double(workers) * (0.2 + 0.021), "\(before) s in the first second")
    #expect(before >= Double(workers) * 0.2 * 0.95, "\(before) s in the first second")
    #expect(after <= Double(workers) * (0.1 * (last - 1) + 0.021), "\(after) s in the \(last - 1) s after it")
    for count in world.perSecond.dropFirst() { #expect(count <= 720, "\(world.perSecond)") }
    let half = byClass.mapValues { $0.sorted()[$0.count / 2] }
    #expect(half[.tls13Resumed]! < half[.tls12ECDSA]! && half[.tls12ECDSA]! < half[.tls13RSA]!, "\(half)")
  }

  @Test(arguments: [1, 4]) func clientsThatRetryAtOnceDoNotLowerTheRate(workers: Int) {
    var plan = HerdWorld.Plan()
    plan.habit = .immediate
    (plan.clients, plan.rate, plan.burst) = (4000, 1000, 100)
    plan.patience = .seconds(1)
    _ = run(plan, workers: workers)
  }

  @Test func evenWithAPatienceOfATenthOfASecondTheRateIsKept() {
    var plan = HerdWorld.Plan()
    plan.habit = .immediate
    (plan.clients, plan.patience) = (1500, .milliseconds(100))
    _ = run(plan, workers: 2)
  }

  @Test(arguments: [nil, 20]) func theResumedHalfComesInFirstWhenCPUBinds(hello: Int?) {
    var plan = HerdWorld.Plan()
    plan.hello = hello
    (plan.rate, plan.share, plan.clients) = (0, 0.2, 8000)
    plan.classes = [.tls13RSA, .tls13Resumed]
    plan.habit = .immediate
    let outcome = run(plan, workers: 2)
    let resumed = outcome.classes.indices.filter { outcome.classes[$0] == .tls13Resumed }
    let full = outcome.classes.indices.filter { outcome.classes[$0] == .tls13RSA }
    // One in eight goes to the oldest, so at most a seventh of the full ones is among the first half.
    #expect(full[full.count / 2] > resumed[resumed.count * 9 / 10])
    // All of it costs 4000 x (370 + 150) us, of two workers' 20 %.
    let ideal = 4000.0 * 520e-6 / 0.4
    #expect(outcome.last <= ideal * 1.05)
    #expect(outcome.last >= ideal * 0.95)
  }
}
