import Basics
import Proxy
import Settings
import Synchronization
import Testing

@testable import Control

/// Commands that change the settings in force.
@Suite struct SettingsCommandTests {
  private let proxy = FakeProxy()

  private func answer(_ line: String, level: Settings.Admin.Level = .admin) -> String {
    var session = CommandSession(level: level)
    return session.answer(line, .over(proxy))
  }

  private var settings: Settings { proxy.snapshot().settings }
  private var first: Settings.Backend { settings.pools[0].backends[0] }

  @Test func successIsSilent() {
    #expect(answer("set maxconn global 1000") == "\n")
    #expect(proxy.calls == ["apply"])
  }

  @Test func theProcessTakesNoMoreThanItsStartMadeRoomFor() {
    _ = answer("set maxconn global 1000")
    #expect(settings.limits.connections == 1000)
    #expect(answer("set maxconn global 1235") == "Value out of range: from 0 to 1234.\n\n")
    #expect(settings.limits.connections == 1000)
    _ = answer("set maxconn global 0")
    #expect(settings.limits.connections == 1234, "0 is the start's")
  }

  @Test func listenersAndBackendsHaveLimitsOfTheirOwn() {
    _ = answer("set maxconn frontend public 77;set maxconn server chat/a 88")
    #expect(settings.listeners[0].connections == 77)
    #expect(first.connections == 88)
    #expect(settings.pools[0].backends[1].connections == nil)
    _ = answer("set maxconn frontend public 0;set maxconn server chat/a 0")
    #expect(settings.listeners[0].connections == nil)
    #expect(first.connections == nil)
  }

  @Test func theRateOfAdmissionsIsLimited() {
    _ = answer("set rate-limit connections global 500")
    #expect(settings.limits.connectionRate == Rate(500))
    _ = answer("set rate-limit connections global 0")
    #expect(settings.limits.connectionRate == nil)
  }

  @Test(arguments: [
    ("50", 50), ("0", 0), ("256", 256), ("50%", 20), ("1%", 1), ("0%", 0), ("1000%", 256),
    ("9223372036854775807%", 256),
  ])
  func weightsAreAbsoluteOrOfTheFiles(text: String, weight: Int) {
    proxy.state.withLock { $0.snapshot.settings.pools[0].backends[0].weight = 40 }
    #expect(answer("set server chat/a weight 100") == "\n")
    #expect(answer("set server chat/a weight \(text)") == "\n")
    #expect(first.weightInForce == weight)
    #expect(first.weight == 40, "the file's stays")
  }

  @Test func theFilesWeightIsNoOrder() {
    _ = answer("set server chat/a weight 50;set server chat/a weight 100%")
    #expect(first == settings.pools[0].backends[0])
    #expect(first.orders == Settings.Backend.Orders())
  }

  @Test(arguments: [("drain", 0), ("maint", 0), ("ready", 70)])
  func statesKeepTheWeightForLater(state: String, weight: Int) {
    _ = answer("set server chat/a weight 70")
    #expect(answer("set server chat/a state \(state)") == "\n")
    #expect(first.orders.state.rawValue == state)
    #expect(first.weightInForce == weight)
    #expect(first.weightWhenReady == 70)
  }

  @Test func enablingEndsAMaintenanceAndNoDrain() {
    _ = answer("disable server chat/a")
    #expect(first.orders.state == .maint)
    _ = answer("enable server chat/a")
    #expect(first.orders.state == .ready)
    _ = answer("set server chat/a state drain;enable server chat/a")
    #expect(first.orders.state == .drain)
  }

  @Test func aBackendsNameMayHaveSlashes() {
    proxy.state.withLock { $0.snapshot.settings.pools[0].backends[1].name = "unix:/run/b.sock" }
    #expect(answer("disable server chat/unix:/run/b.sock") == "\n")
    #expect(settings.pools[0].backends[1].orders.state == .maint)
  }

  @Test(arguments: [
    ("set maxconn global", "Expects an integer value."),
    ("set maxconn global -1", "Expects an integer value."),
    ("set maxconn global 5 6", "Expects an integer value."),
    ("set maxconn global 99999999999999999999", "Expects an integer value."),
    ("set maxconn frontend", "No such frontend."), ("set maxconn frontend nope 5", "No such frontend."),
    ("set maxconn frontend public", "Expects an integer value."),
    ("set maxconn frontend public 2000001", "Value out of range: from 0 to 2000000."),
    ("set maxconn server chat 5", "Require 'backend/server'."),
    ("set maxconn server nope/a 5", "No such backend."),
    ("set maxconn server chat/nope 5", "No such server."),
    ("set rate-limit connections global many", "Expects an integer value."),
    ("set rate-limit connections global 10000001", "Value out of range: from 0 to 10000000."),
    ("set server chat/a weight 257", "Value out of range: from 0 to 256."),
    (
      "set server chat/a weight",
      "'set server <pool>/<backend>' takes 'weight <number>[%]' or 'state <state>'."
    ),
    ("set server chat/a weight x%", "Expects an integer value, or a percentage."),
    (
      "set server chat/a state up", "'set server <pool>/<backend> state' expects 'ready', 'drain' or 'maint'."
    ),
    ("disable server", "Require 'backend/server'."), ("enable server chat/c", "No such server."),
  ])
  func whatMakesNoSenseChangesNothing(line: String, message: String) {
    #expect(answer(line) == message + "\n\n")
    #expect(proxy.calls == [])
  }

  @Test(arguments: [
    "set maxconn global 5", "set maxconn frontend public 5", "set maxconn server chat/a 5",
    "set rate-limit connections global 5", "set server chat/a weight 5", "disable server chat/a",
    "enable server chat/a",
  ])
  func onlyAdministratorsChangeAnything(line: String) {
    #expect(answer(line, level: .operator) == "Permission denied\n\n")
    #expect(proxy.calls == [])
    #expect(answer(line) == "\n")
  }

  @Test func whatTheProxyRefusesIsSaid() {
    proxy.state.withLock { $0.refusal = ProxyError("no such certificate") }
    #expect(answer("set maxconn global 5").hasSuffix("no such certificate\n\n"))
    #expect(settings.limits.connections == 1234)
  }
}
