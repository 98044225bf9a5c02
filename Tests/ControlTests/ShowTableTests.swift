import Basics
import Policy
import Proxy
import Settings
import Testing

@testable import Control

@Suite struct ShowTableTests {
  /// 192.0.2.1 has one connection, 192.0.2.2 had five, 2001:db8::/64 has three.
  private func proxy(_ limits: AddressLimits) throws -> FakeProxy {
    var generator = SeededGenerator(seed: 1)
    let table = AddressTable(capacity: 512, limits: limits, using: &generator)
    let now = MonotonicTime(nanoseconds: 1_000_000_000)
    for (address, count) in [("192.0.2.1", 1), ("2001:db8::9", 3), ("192.0.2.2", 5)] {
      for _ in 0..<count {
        let entrance = table.enter(try #require(IPAddress(address)), now: now)
        guard case .admitted(let pass) = entrance else { throw ControlError("\(address) is refused") }
        if address == "192.0.2.2" { table.leave(pass) }
      }
    }
    var snapshot = Snapshot.sample()
    table.forEach(now: now) { snapshot.admission.addresses.append($0) }
    snapshot.admission.addressCapacity = 4096
    snapshot.admission.addressLimits = limits
    return FakeProxy(snapshot)
  }

  private let limits = AddressLimits(rate: RateLimit(50, burst: 100))

  private func answer(
    _ line: String, _ proxy: FakeProxy, level: Settings.Admin.Level = .operator
  ) -> [String] {
    var session = CommandSession(level: level)
    return session.answer(line, .over(proxy)).split(separator: "\n").map(String.init)
  }

  private func keys(_ filter: String, _ proxy: FakeProxy) -> Set<String> {
    let rows = answer("show table addresses \(filter)", proxy).dropFirst()
    return Set(rows.map { String($0.split(separator: " ")[1].dropFirst(4)) })
  }

  @Test func theFirstLineTellsOfTheTable() throws {
    let header = "# table: addresses, type: ip, size:4096, used:3"
    #expect(answer("show table", try proxy(limits)) == [header])
    #expect(answer("show table addresses", try proxy(limits))[0] == header)
  }

  @Test func aRowHasHAProxysForm() throws {
    let rows = answer("show table addresses", try proxy(limits)).dropFirst()
    #expect(rows.count == 3)
    for row in rows {
      #expect(
        row.wholeMatch(
          of: /0x[0-9a-f]{16}: key=\S+ use=0 exp=\d+ shard=0 conn_cur=\d+ conn_rate\(2000\)=\d+/) != nil)
    }
    let expected = [
      "key=192.0.2.1 use=0 exp=20 shard=0 conn_cur=1 conn_rate(2000)=1",
      "key=192.0.2.2 use=0 exp=100 shard=0 conn_cur=0 conn_rate(2000)=5",
      "key=2001:db8::/64 use=0 exp=60 shard=0 conn_cur=3 conn_rate(2000)=3",
    ]
    #expect(Set(rows.map { $0.drop { $0 != " " }.dropFirst() }) == Set(expected.map { $0[...] }))
    #expect(Set(rows.map { $0.prefix { $0 != ":" } }).count == 3, "no identifier twice")
  }

  @Test func withoutALimitNobodyCountedTheRate() throws {
    let rows = answer("show table addresses", try proxy(AddressLimits())).dropFirst()
    #expect(rows.count == 2, "who is gone is forgotten")
    for row in rows { #expect(!row.contains("conn_rate") && row.contains(" exp=0 ")) }
  }

  @Test(arguments: [
    ("data.conn_cur gt 1", ["2001:db8::/64"]), ("data.conn_cur ge 1", ["192.0.2.1", "2001:db8::/64"]),
    ("data.conn_cur eq 0", ["192.0.2.2"]), ("data.conn_cur ne 0", ["192.0.2.1", "2001:db8::/64"]),
    ("data.conn_rate lt 3", ["192.0.2.1"]), ("data.conn_rate le 3", ["192.0.2.1", "2001:db8::/64"]),
    ("data.conn_rate gt 1 data.conn_cur gt 0", ["2001:db8::/64"]), ("data.conn_cur gt 10", []),
    ("key 192.0.2.2", ["192.0.2.2"]), ("key 192.0.2.2 data.conn_cur gt 0", []),
  ])
  func filtersChooseRows(filter: String, expected: [String]) throws {
    #expect(keys(filter, try proxy(limits)) == Set(expected))
  }

  @Test func whoMayOnlyLookSeesNoAddresses() throws {
    #expect(answer("show table addresses", try proxy(limits), level: .user).count == 1)
    #expect(answer("show table addresses", try proxy(limits), level: .admin).count == 4)
  }

  @Test(arguments: [
    ("show table nope", "No such table."), ("show table addresses conn_cur gt 1", "Unknown filter"),
    (
      "show table addresses data.bytes gt 1",
      "Data type not stored in this table; stored are conn_cur, conn_rate."
    ),
    ("show table addresses data.conn_cur over 1", "Expects an operator"),
    ("show table addresses data.conn_cur gt", "Expects an integer value"),
    ("show table addresses data.conn_cur gt -1", "Expects an integer value"),
    ("show table addresses key", "Expects an address"),
  ])
  func whatIsNoFilterIsRefused(line: String, message: String) throws {
    let lines = answer(line, try proxy(limits))
    #expect(lines.count == 1 && lines[0].hasPrefix(message))
  }
}
