import Basics
import Policy
import Proxy
import Settings
import Telemetry
import Testing

@testable import Control

/// What `show info` and `show ledger` say of admission.
@Suite struct InfoFieldAdmissionTests {
  private func answer(_ line: String, _ snapshot: Snapshot) -> [String] {
    var session = CommandSession(level: .user)
    return session.answer(line, .over(FakeProxy(snapshot))).split(separator: "\n").map(String.init)
  }

  /// Every figure another, so that none can stand in for another.
  private var admission: AdmissionSnapshot {
    var admission = AdmissionSnapshot()
    admission.waiting = 11
    admission.waitingCapacity = 44
    admission.expected = 12
    admission.longestWait = .milliseconds(1234)
    admission.waitMax = .milliseconds(2345)
    admission.admitted = 13
    admission.handshakeMargin = .milliseconds(345)
    admission.gone = 14
    for index in admission.refused.indices { admission.refused[index] = 100 + UInt64(index) }
    admission.refusedBeforeTLS = 15
    admission.refusedUnavailable = 16
    admission.refusedHeld = 17
    admission.held = 18
    admission.heldCapacity = 19
    admission.costs = HandshakeClass.allCases.map { UInt64($0.rawValue) * 10_000 }
    admission.ledger.refused = 200
    admission.ledger.told = .seconds(500)
    admission.ledger.toldMax = .seconds(9)
    admission.ledger.early = 20
    admission.ledger.onTime = 90
    admission.ledger.late = 10
    admission.ledger.never = 40
    admission.ledger.forgotten = 5
    admission.returnBacklog = .milliseconds(7500)
    admission.addressCapacity = 512
    admission.addressOverflows = 21
    return admission
  }

  private var snapshot: Snapshot {
    var snapshot = Snapshot.sample()
    snapshot.admission = admission
    return snapshot
  }

  @Test func theWaitingRoomAndRefusalsAreShown() {
    let lines = answer("show info", snapshot)
    for line in [
      "Waiting: 11", "WaitingMax: 44", "Expected: 12", "WaitLongest_ms: 1234", "WaitMax_ms: 2345",
      "Admitted: 13",
      "HandshakeMargin_ms: 345",
      "WaitGone: 14", "Refused: 1155", "Refused_room_full: 100", "Refused_too_long: 101",
      "Refused_process_limit: 103", "Refused_denied: 107", "Refused_proxy_header: 110",
      "Refused_before_tls: 15", "Refused_503: 16", "Refused_held: 17", "Held: 18", "HeldMax: 19",
      "AddressesMax: 512", "AddressOverflows: 21", "WaitingRoom_ratio: 0.25",
      "HandshakeCost_tls13Resumed_us: 20", "LedgerRefused: 200", "LedgerReturn_backlog_ms: 7500",
      "MaxconnReached: 103",
    ] {
      #expect(lines.contains(line), "\(line)")
    }
    #expect(!lines.contains { $0.hasPrefix("HandshakeCost_plain") })
  }

  @Test func everyReasonHasAField() {
    let names = Set(InfoField.all.map(\.name))
    for reason in AdmissionSnapshot.Refusal.allCases {
      #expect(names.contains("Refused_" + reason.rawValue.replacing("-", with: "_")))
    }
  }

  @Test func handshakesAreSplitByWhereTheTimeGoes() {
    var snapshot = snapshot
    snapshot.handshakes.full.queue.p50 = 1
    snapshot.handshakes.full.cpu.p99 = 2
    snapshot.handshakes.full.network.max = 3
    snapshot.handshakes.resumed.queue.p99 = 4
    snapshot.handshakes.resumed.cpu.p50 = 5
    let lines = answer("show info", snapshot)
    for line in [
      "Handshake_full_queue_p50_us: 1", "Handshake_full_cpu_p99_us: 2", "Handshake_full_network_max_us: 3",
      "Handshake_resumed_queue_p99_us: 4", "Handshake_resumed_cpu_p50_us: 5",
      "Handshake_resumed_network_max_us: 0",
    ] {
      #expect(lines.contains(line), "\(line)")
    }
  }

  @Test func limitsAreThoseInForce() {
    var snapshot = snapshot
    #expect(answer("show info", snapshot).contains("ConnRateLimit: 0"))
    snapshot.settings.limits.connectionRate = Rate(500)
    snapshot.settings.limits.connections = 1000
    let lines = answer("show info", snapshot)
    #expect(lines.contains("ConnRateLimit: 500") && lines.contains("SessRateLimit: 500"))
    #expect(lines.contains("Maxconn: 1000") && lines.contains("Hard_maxconn: 1234"))
    snapshot.settings.limits.connectionRate = Rate(1, per: .seconds(3600))
    #expect(answer("show info", snapshot).contains("ConnRateLimit: 1"), "0 would be no limit")
  }

  @Test func useIsShownAsARatioOfTheLimit() throws {
    var snapshot = snapshot
    snapshot.settings.limits.connections = 8
    snapshot.directDescriptors = 30
    snapshot.workers = [Snapshot.counted([.connectionsLive: 2, .buffersTaken: 1, .buffersTotal: 3])]
    let lines = answer("show info", snapshot)
    #expect(lines.contains("Slots_ratio: 0.25") && lines.contains("Buffers_ratio: 0.3333"))
    #expect(lines.contains("DirectDescriptors_ratio: 0.1667"), "two clients and three of backends")
    let open = try #require(lines.first { $0.hasPrefix("Descriptors_ratio: ") })
    let ratio = try #require(Double(open.dropFirst(19)))
    #expect(ratio >= 0 && ratio <= 1)
    #expect(answer("show info", Snapshot.sample()).contains("Buffers_ratio: 0.0"), "0 of 0")
  }

  @Test func theLedgerHasLinesOfItsOwn() {
    #expect(
      answer("show ledger", snapshot) == [
        "Refused: 200", "Told_avg_ms: 2500", "Told_max_ms: 9000", "Returned_early: 20",
        "Returned_on_time: 90", "Returned_late: 10", "Returned_never: 40", "Forgotten: 5", "Pending: 35",
        "Returning_ratio: 0.75", "Return_backlog_ms: 7500",
      ])
    #expect(!answer("show ledger", .sample()).contains { $0.hasPrefix("Returning_ratio") }, "not known yet")
  }

  @Test func theLedgerHasTheFormsOfShowInfo() {
    #expect(answer("show ledger typed", snapshot)[0] == "0.Refused.1:MCPV:u64:200")
    #expect(answer("show ledger json", snapshot)[0].hasPrefix("[{\"field\":{\"pos\":0,\"name\":\"Refused\"}"))
    #expect(answer("show ledger desc", snapshot)[8].hasPrefix("Pending: 35:\""))
  }
}
