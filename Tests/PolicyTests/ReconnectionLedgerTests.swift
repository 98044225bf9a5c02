import Basics
import Policy
import Testing

@Suite struct ReconnectionLedgerTests {
  private func ledger(_ capacity: Int = 4096) -> ReconnectionLedger {
    var generator = SeededGenerator(seed: 5)
    return ReconnectionLedger(capacity: capacity, using: &generator)
  }
  private let client = IPAddress(ipv4: 0xc000_0201)

  @Test func anArrivalIsJudgedByItsSlot() {
    let ledger = ledger()
    for (arrival, expected) in [
      (12.0, ReconnectionLedger.Arrival.early(slot: at(20))), (19.9, .onTime), (20, .onTime), (24.9, .onTime),
      (26, .late),
    ] {
      ledger.refused(client, slot: at(20), now: at(10))
      #expect(ledger.arrived(client, now: at(arrival)) == expected, "at \(arrival)")
    }
    #expect(ledger.arrived(client, now: at(30)) == .unknown)
    let figures = ledger.figures
    #expect(figures.refused == 5 && figures.told == .seconds(50) && figures.toldMax == .seconds(10))
    #expect(figures.early == 1 && figures.onTime == 3 && figures.late == 1 && figures.pending == 0)
  }

  @Test func whoNeverComesIsGivenUp() {
    let ledger = ledger()
    for host: UInt32 in 0..<500 { ledger.refused(IPAddress(ipv4: host), slot: at(20), now: at(10)) }
    for host: UInt32 in 0..<100 { #expect(ledger.arrived(IPAddress(ipv4: host), now: at(20)) == .onTime) }
    for _ in 0..<64 { ledger.sweep(now: at(79)) }
    #expect(ledger.figures.never == 0)
    for _ in 0..<64 { ledger.sweep(now: at(81)) }
    #expect(ledger.figures.never == 400)
    #expect(ledger.figures.returning == 0.2)
    #expect(ledger.figures.pending == 0)
  }

  @Test func clientsBehindOneAddressHaveSlotsOneAfterTheOther() {
    let ledger = ledger()
    for slot in 0..<10 { ledger.refused(client, slot: at(20 + Double(slot)), now: at(10)) }
    for slot in 0..<10 { #expect(ledger.arrived(client, now: at(20 + Double(slot))) == .onTime) }
    #expect(ledger.arrived(client, now: at(30)) == .unknown)
    for slot in 0..<10 { ledger.refused(client, slot: at(50 + Double(slot)), now: at(40)) }
    for slot in 0..<10 {
      #expect(ledger.arrived(client, now: at(40)) == .early(slot: at(50 + Double(slot))))
    }
  }

  @Test func itsMemoryIsBoundedAndWhatIsPushedOutCounted() {
    let ledger = ledger(512)
    for host: UInt32 in 0..<5000 {
      ledger.refused(IPAddress(ipv4: host), slot: at(20 + Double(host)), now: at(10))
    }
    let figures = ledger.figures
    #expect(figures.forgotten == 5000 - 512)
    #expect(figures.pending == 512)
    // Those whose slots were the first to pass have gone.
    #expect(ledger.arrived(IPAddress(ipv4: 4999), now: at(5019)) == .onTime)
    #expect(ledger.arrived(IPAddress(ipv4: 0), now: at(5019)) == .unknown)
  }

  @Test func theShareThatReturnsIsUnknownAtFirst() {
    let ledger = ledger()
    ledger.refused(client, slot: at(2), now: at(1))
    #expect(ledger.arrived(client, now: at(2)) == .onTime)
    #expect(ledger.figures.returning == nil)
  }
}
