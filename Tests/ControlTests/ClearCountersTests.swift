import Basics
import Settings
import Synchronization
import Telemetry
import Testing

@testable import Control
@testable import Proxy

@Suite struct ClearCountersTests {
  private let proxy = FakeProxy()
  private let context: CommandContext

  init() { context = .over(proxy) }

  private func answer(_ line: String, level: Settings.Admin.Level = .admin) -> String {
    var session = CommandSession(level: level)
    return session.answer(line, context)
  }

  /// A column of a row of `show stat`.
  private func figure(_ proxyName: String, _ server: String, _ column: String) throws -> String {
    let lines = answer("show stat").split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    let place = try #require(lines[0].firstIndex(of: column))
    let row = try #require(lines.first { $0[0] == proxyName && $0[1] == server })
    return row[place]
  }

  @Test func countersBeginAnewAndGaugesStay() throws {
    #expect(try figure("public", "FRONTEND", "stot") == "12")
    #expect(try figure("chat", "a", "stot") == "8")
    let current = try figure("chat", "a", "scur")
    #expect(answer("clear counters all") == "\n")
    #expect(try figure("public", "FRONTEND", "stot") == "0")
    #expect(try figure("chat", "a", "stot") == "0" && figure("chat", "BACKEND", "bout") == "0")
    #expect(try figure("chat", "a", "scur") == current)
    proxy.state.withLock {
      $0.snapshot.pools[0].backends[0].counters = Snapshot.counted([.connections: 11])
    }
    #expect(try figure("chat", "a", "stot") == "3")
  }

  /// A reload may have made the backend anew.
  @Test func aCounterBehindItsBaselineIsTakenAsItIs() throws {
    _ = answer("clear counters all")
    proxy.state.withLock {
      $0.snapshot.pools[0].backends[0].counters = Snapshot.counted([.connections: 5])
    }
    #expect(try figure("chat", "a", "stot") == "5")
  }

  @Test func totalsOfTheProcessGoOn() {
    let before = answer("show info").split(separator: "\n").first { $0.hasPrefix("CumConns:") }
    _ = answer("clear counters all")
    #expect(answer("show info").split(separator: "\n").first { $0.hasPrefix("CumConns:") } == before)
  }

  @Test func withoutAllOnlyTheHighestValuesBeginAnew() throws {
    context.rates.sample(.sample())
    #expect(context.rates.current.maximum(.poolLive("chat")) == 3)
    #expect(answer("clear counters", level: .operator) == "\n")
    #expect(context.rates.current.maximum(.poolLive("chat")) == 0)
    #expect(proxy.calls == ["clear maxima"])
    #expect(try figure("chat", "a", "stot") == "8")
  }

  @Test func eachHasItsLevel() {
    #expect(answer("clear counters", level: .user) == "Permission denied\n\n")
    #expect(answer("clear counters all", level: .operator) == "Permission denied\n\n")
  }
}
