import Basics
import Policy
import Testing

@Suite struct AddressRulesTests {
  private func rules(_ allow: [String], _ deny: [String]) throws -> AddressRules {
    AddressRules(allow: try allow.map { try CIDR($0) }, deny: try deny.map { try CIDR($0) })
  }

  private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

  @Test(arguments: [
    ([], [], "192.0.2.1", true),
    ([], ["192.0.2.0/24"], "192.0.2.1", false),
    ([], ["192.0.2.0/24"], "192.0.3.1", true),
    (["10.0.0.0/8"], [], "10.255.255.255", true),
    (["10.0.0.0/8"], [], "11.0.0.0", false),
    (["10.0.0.0/8"], [], "::1", false),
    (["10.0.0.0/8"], ["10.1.0.0/16"], "10.1.2.3", false),
    (["10.0.0.0/8"], ["10.1.0.0/16"], "10.2.0.0", true),
    (["10.1.0.0/16"], ["10.0.0.0/8"], "10.1.2.3", true),
    (["10.0.0.0/8"], ["10.0.0.0/8"], "10.1.2.3", false),
    (["10.0.0.0/8", "10.1.2.0/24"], ["10.1.0.0/16"], "10.1.2.3", true),
    ([], ["::/0"], "192.0.2.1", true),
    ([], ["::/0"], "2001:db8::1", false),
    ([], ["255.255.255.0/24"], "255.255.255.255", false),
  ])
  func theLongestBlockDecides(allow: [String], deny: [String], text: String, permitted: Bool) throws {
    #expect(try rules(allow, deny).permits(address(text)) == permitted)
  }

  @Test func itAgreesWithALookAtEachBlock() throws {
    var generator = SeededGenerator.told()
    for _ in 0..<200 {
      var lists: [[CIDR]] = [[], []]
      for _ in 0..<Int.random(in: 0...12, using: &generator) {
        let prefix = Int.random(in: 20...32, using: &generator)
        let bits =
          UInt32.random(in: 0..<4096, using: &generator) & ~UInt32(UInt64(1) << UInt64(32 - prefix) - 1)
        lists[Int.random(in: 0...1, using: &generator)].append(
          try CIDR(IPAddress(ipv4: 0x0a00_0000 | bits), prefix: prefix))
      }
      let rules = AddressRules(allow: lists[0], deny: lists[1])
      for _ in 0..<200 {
        let ipv4 = 0x0a00_0000 | UInt32.random(in: 0..<4200, using: &generator)
        #expect(rules.permits(IPAddress(ipv4: ipv4)) == Self.plainly(lists[0], lists[1], ipv4))
      }
    }
  }

  private static func plainly(_ allow: [CIDR], _ deny: [CIDR], _ ipv4: UInt32) -> Bool {
    func longest(_ list: [CIDR]) -> Int {
      list.filter { UInt64(ipv4 ^ $0.address.ipv4) >> UInt64(32 - $0.prefix) == 0 }.map(\.prefix).max() ?? -1
    }
    let (yes, no) = (longest(allow), longest(deny))
    return yes < 0 && no < 0 ? allow.isEmpty : yes > no
  }

  @Test func anAddressSetHoldsWhatItsBlocksHold() throws {
    let trusted = AddressSet([try CIDR("10.0.0.0/8"), try CIDR("fd00::/8")])
    #expect(trusted.contains(try address("10.9.8.7")))
    #expect(trusted.contains(try address("fd12::1")))
    #expect(!trusted.contains(try address("11.0.0.1")))
    #expect(!AddressSet().contains(try address("10.0.0.1")))
  }
}
