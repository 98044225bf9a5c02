import Basics
import Foundation
import Proxy
import Testing

@testable import Control

@Suite struct ConnectionLineTests {
  private struct Line: Decodable {
    var time: String, accepted: String
    var client: String?, listener: String, pool: String?, backend: String?, backendAddress: String?
    var bytesFromClient: UInt64, bytesToClient: UInt64
    var messagesFromClient: UInt64, messagesToClient: UInt64
    var closeCodeFromClient: UInt16?, closeCodeFromBackend: UInt16?
    var tls: String?, resumed: Bool, status: UInt16?, refusal: String?
    var who: String, phase: String, cause: String
    var waitingSeconds: Double, handshakingSeconds: Double, upgradingSeconds: Double
    var connectingSeconds: Double, lifetimeSeconds: Double
    var worker: Int
  }

  private func decode(_ record: ConnectionRecord, offset: UInt64 = 0) throws -> Line {
    let text = ConnectionLine.json(record, wallOffset: offset)
    #expect(!text.contains("\n"))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Line.self, from: Data(text.utf8))
  }

  @Test func saysEverythingOfAFullLife() throws {
    var record = ConnectionRecord(
      acceptedAt: MonotonicTime(nanoseconds: 2_000_000_000), worker: 1, listener: "public",
      end: EndReason(who: .backend, phase: .relaying, cause: .finished))
    record.lifetime = .milliseconds(1500)
    record.handshaking = .microseconds(1250)
    record.client = Endpoint("[2001:db8::1]:50000")
    record.pool = "chat"
    record.backend = "a"
    record.backendAddress = Endpoint("10.0.0.1:9001")
    record.bytesFromClient = .max
    record.messagesToClient = 3
    record.closeCodeFromBackend = 1000
    record.tlsVersion = .tls13
    record.tlsResumed = true
    record.status = 101
    let line = try decode(record, offset: 1_795_573_396_498_000_000)
    #expect(line.accepted == "2026-11-25T02:23:18.498Z")
    #expect(line.time == "2026-11-25T02:23:19.998Z")
    #expect(line.client == "[2001:db8::1]:50000" && line.backendAddress == "10.0.0.1:9001")
    #expect(line.bytesFromClient == .max && line.messagesToClient == 3)
    #expect(line.closeCodeFromClient == nil && line.closeCodeFromBackend == 1000)
    #expect(line.tls == "1.3" && line.resumed && line.status == 101 && line.worker == 1)
    #expect(line.who == "backend" && line.phase == "relaying" && line.cause == "finished")
    #expect(line.handshakingSeconds == 0.00125 && line.lifetimeSeconds == 1.5)
  }

  @Test func hasTheSameFieldsInTheSameOrderAlways() {
    let names = """
      time accepted client listener pool backend backend_address bytes_from_client bytes_to_client \
      messages_from_client messages_to_client close_code_from_client close_code_from_backend tls resumed status \
      refusal who phase cause waiting_seconds handshaking_seconds upgrading_seconds connecting_seconds lifetime_seconds \
      worker
      """.split(separator: " ").map(String.init)
    let record = ConnectionRecord(
      acceptedAt: .zero, worker: 0, listener: "l",
      end: EndReason(who: .client, phase: .waiting, cause: .reset))
    let fields = ConnectionLine.json(record, wallOffset: 0).matches(of: /"([a-z_]+)":/).map { String($0.1) }
    #expect(fields == names)
  }

  @Test func saysNullWhereThereIsNothing() throws {
    let record = ConnectionRecord(
      acceptedAt: .zero, worker: 0, listener: "l",
      end: EndReason(who: .operator, phase: .accepting, cause: .drained))
    let line = try decode(record)
    #expect(line.client == nil && line.pool == nil && line.tls == nil && line.status == nil)
    #expect(line.who == "operator")
  }

  @Test(arguments: [
    "plain", "quote\"d", "back\\slash", "line\nbreak", "tab\tand\rreturn", "nul\0and\u{1f}",
    "\u{7f}\u{2028}\u{2029}",
    "größe", "🌊", "e\u{301}", "\r\n", "",
  ])
  func namesComeBackAsTheyWere(name: String) throws {
    let record = ConnectionRecord(
      acceptedAt: .zero, worker: 0, listener: name,
      end: EndReason(who: .client, phase: .waiting, cause: .reset))
    #expect(Array(try decode(record).listener.utf8) == Array(name.utf8))
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
    (1_709_251_199, "2024-02-29T23:59:59.000Z"), (4_107_542_400, "2100-03-01T00:00:00.000Z"),
  ])
  func timestampsKnowTheCalendar(seconds: UInt64, text: String) {
    #expect(Timestamp.rfc3339(seconds * 1_000_000_000) == text)
  }
}
