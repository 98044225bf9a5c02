import Basics
import Policy
import Testing

@Suite struct AddressTableTests {
  private func table(_ limits: AddressLimits, capacity: Int = 4096) -> AddressTable {
    var generator = SeededGenerator(seed: 5)
    return AddressTable(capacity: capacity, limits: limits, using: &generator)
  }
  private func host(_ number: UInt32) -> IPAddress { IPAddress(ipv4: number) }

  private func pass(_ entrance: AddressEntrance) -> AddressPass? {
    if case .admitted(let pass) = entrance { pass } else { nil }
  }

  @Test func liveConnectionsOfAnAddressAreLimited() throws {
    let table = table(AddressLimits(connections: 3))
    let passes = try (0..<3).map { _ in try #require(pass(table.enter(host(1), now: at(1)))) }
    #expect(table.enter(host(1), now: at(1)) == .refused(.connections))
    #expect(pass(table.enter(host(2), now: at(1))) != nil)
    table.leave(passes[1])
    #expect(pass(table.enter(host(1), now: at(1))) != nil)
    #expect(table.enter(host(1), now: at(1)) == .refused(.connections))
  }

  @Test func anAddressHasItsRateWithABurst() {
    let table = table(AddressLimits(rate: RateLimit(10, burst: 4)))
    func comes(_ number: UInt32, _ time: Double) -> AddressEntrance {
      let entrance = table.enter(host(number), now: at(time))
      if let pass = pass(entrance) { table.leave(pass) }
      return entrance
    }
    for _ in 0..<4 { #expect(pass(comes(1, 5)) != nil) }
    #expect(comes(1, 5) == .refused(.rate))
    #expect(pass(comes(2, 5)) != nil)
    #expect(pass(comes(1, 5.1)) != nil)
    #expect(comes(1, 5.1) == .refused(.rate))
  }

  @Test func aCancelledConnectionDoesNotCountAgainstTheRate() throws {
    let table = table(AddressLimits(connections: 1, rate: RateLimit(1, burst: 1)))
    table.cancel(try #require(pass(table.enter(host(1), now: at(1)))))
    #expect(pass(table.enter(host(1), now: at(1))) != nil)
  }

  @Test(arguments: [
    (64, "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true), (64, "2001:db8:0:1::1", "2001:db8:0:2::1", false),
    (48, "2001:db8:0:1::1", "2001:db8:0:2::1", true), (128, "2001:db8::1", "2001:db8::2", false),
    (96, "2001:db8::1", "2001:db8::ffff:2", true), (64, "192.0.2.1", "192.0.2.2", false),
    (64, "192.0.2.1", "::ffff:192.0.2.1", true),
  ])
  func ipv6CountsByPrefixAndIPv4Whole(prefix: Int, one: String, other: String, isOne: Bool) throws {
    let table = table(AddressLimits(connections: 1, ipv6Prefix: prefix))
    #expect(pass(table.enter(try #require(IPAddress(one)), now: at(1))) != nil)
    let second = table.enter(try #require(IPAddress(other)), now: at(1))
    #expect((second == .refused(.connections)) == isOne)
  }

  @Test func aFloodOfAddressesMakesNobodyForgotten() throws {
    let table = table(AddressLimits(connections: 2, rate: RateLimit(1, burst: 5)), capacity: 512)
    for _ in 0..<2 { _ = try #require(pass(table.enter(host(1), now: at(1)))) }
    for _ in 0..<5 { if let pass = pass(table.enter(host(2), now: at(1))) { table.leave(pass) } }
    for number: UInt32 in 100..<20_000 {
      if let pass = pass(table.enter(host(number), now: at(1.5))) { table.leave(pass) }
    }
    #expect(table.overflowCount > 10_000)
    #expect(table.enter(host(1), now: at(1.5)) == .refused(.connections))
    #expect(table.enter(host(2), now: at(1.5)) == .refused(.rate))
  }

  @Test func newcomersToAFullTableShareAnAllowance() {
    let table = table(AddressLimits(connections: 2, rate: RateLimit(1, burst: 5)), capacity: 512)
    var passes: [AddressPass] = []
    for number: UInt32 in 0..<3000 {
      if let pass = pass(table.enter(host(number), now: at(1))) { passes.append(pass) }
    }
    let overflowing = passes.filter(\.isOverflow)
    #expect(passes.count - overflowing.count == 512)
    // Eight times two live connections.
    #expect(overflowing.count == 16)
    #expect(table.overflowLive == 16)
    #expect(table.enter(host(5000), now: at(9)) == .refused(.overflow))
    table.leave(overflowing[0])
    #expect(pass(table.enter(host(5000), now: at(9)))?.isOverflow == true)
    for pass in passes.dropFirst() where !pass.isOverflow { table.leave(pass) }
    #expect(pass(table.enter(host(6000), now: at(99)))?.isOverflow == false)
  }

  @Test func decayedAddressesMakePlace() {
    let table = table(AddressLimits(rate: RateLimit(10, burst: 10)), capacity: 512)
    for number: UInt32 in 0..<100_000 {
      // 200 a second, each remembered for 100 ms: about 20 of 512 places.
      let now = at(1 + Double(number) / 200)
      if let pass = pass(table.enter(host(number), now: now)) { table.leave(pass) }
    }
    #expect(table.overflowCount == 0)
  }

  @Test func theTableShowsWhoIsThere() throws {
    let table = table(AddressLimits(connections: 9, rate: RateLimit(1, burst: 5)))
    let passes = try (0..<3).map { _ in try #require(pass(table.enter(host(0x0a00_0001), now: at(1)))) }
    let v6 = try #require(IPAddress("2001:db8::5"))
    table.leave(try #require(pass(table.enter(v6, now: at(1)))))
    func rows(_ time: Double) -> [AddressTable.Row] {
      var rows: [AddressTable.Row] = []
      table.forEach(now: at(time)) { rows.append($0) }
      return rows.sorted { $0.connections > $1.connections }
    }
    let now = rows(1)
    #expect(now.map(\.key.description) == ["10.0.0.1", "2001:db8::/64"])
    #expect(now.map(\.connections) == [3, 0])
    #expect(now.map(\.burstLeft) == [2, 4])
    #expect(rows(2.1).count == 1)
    for pass in passes { table.leave(pass) }
    #expect(rows(60).isEmpty)
  }

  @Test func aReloadChangesTheLimitsOfThoseWhoAreThere() throws {
    let table = table(AddressLimits(connections: 5, rate: RateLimit(10, burst: 3)))
    let passes = try (0..<3).map { _ in try #require(pass(table.enter(host(1), now: at(1)))) }
    table.change(AddressLimits(connections: 3, rate: RateLimit(10, burst: 50)), now: at(1))
    #expect(table.enter(host(1), now: at(2)) == .refused(.connections))
    table.leave(passes[0])
    table.change(AddressLimits(connections: nil, rate: RateLimit(1, burst: 50)), now: at(1))
    #expect(table.enter(host(1), now: at(1)) == .refused(.rate))
    table.change(AddressLimits(), now: at(1))
    #expect(pass(table.enter(host(1), now: at(1))) != nil)
  }

  @Test func workersCountTogether() async {
    let table = table(AddressLimits(connections: 100))
    let admitted = await withTaskGroup(of: Int.self) { group in
      for worker in 0..<4 {
        group.addTask {
          var generator = SeededGenerator(seed: UInt64(worker))
          var kept: [AddressPass] = []
          for _ in 0..<4000 {
            if case .admitted(let pass) = table.enter(
              IPAddress(ipv4: .random(in: 0..<4, using: &generator)), now: at(1))
            {
              kept.append(pass)
            }
            if kept.count > 90 || Bool.random(using: &generator), let pass = kept.popLast() {
              table.leave(pass)
            }
          }
          return kept.count
        }
      }
      return await group.reduce(0, +)
    }
    var live = 0
    table.forEach(now: at(1)) {
      #expect($0.connections <= 100)
      live += $0.connections
    }
    #expect(live == admitted)
  }
}
