import Basics
import Proxy
import Settings
import Testing

@testable import Control

@Suite struct CommandTests {
  private func context(
    reload: @escaping @Sendable () -> ReloadOutcome = { ReloadOutcome(succeeded: true, messages: []) }
  ) -> CommandContext {
    .over(reload: reload)
  }

  private func answer(_ line: String, level: Settings.Admin.Level = .admin) -> String {
    var session = CommandSession(level: level)
    return session.answer(line, context())
  }

  @Test func endsEachAnswerWithAnEmptyLine() {
    #expect(answer("show version") == "\(Version.number)\n\n")
    #expect(answer("show version;show version") == "\(Version.number)\n\n\(Version.number)\n\n")
  }

  @Test func promptTogglesTheInteractiveMode() {
    var session = CommandSession(level: .admin)
    #expect(session.answer("prompt", context()) == "\n> ")
    #expect(session.isInteractive)
    #expect(session.answer("show version", context()) == "\(Version.number)\n\n> ")
    #expect(session.answer("", context()) == "\n> ")
    #expect(session.answer("prompt", context()) == "\n")
    #expect(!session.isInteractive)
  }

  @Test func quitEndsTheSessionAndWhatFollowsIsNotRun() {
    var session = CommandSession(level: .admin)
    #expect(session.answer("show version;quit;show version", context()) == "\(Version.number)\n\n")
    #expect(session.isOver)
  }

  @Test func unknownCommandsAreAnsweredWithTheUsageOfThoseThatAreNear() {
    let text = answer("show nonsense")
    #expect(text.hasPrefix("Unknown command: 'show nonsense'.\n"))
    #expect(text.contains("  show info [desc|json|typed]*"))
    #expect(!text.contains("reload"))
    #expect(answer("nonsense").contains("reload"))
  }

  @Test func helpListsExactlyWhatTheLevelAllows() {
    let user = answer("help", level: .user)
    #expect(user.contains("  show info"))
    #expect(!user.contains("  reload"))
    #expect(!user.contains("  operator"))
    let admin = answer("help")
    for command in Command.table { #expect(admin.contains("  \(command.usage)")) }
  }

  @Test func commandsAboveTheLevelAreDenied() {
    #expect(answer("reload", level: .user) == "Permission denied\n\n")
    #expect(answer("reload", level: .operator) == "Permission denied\n\n")
    #expect(answer("reload", level: .admin) == "Success=1\n--\n\n")
  }

  @Test func levelsOnlyGoDown() {
    #expect(answer("user;reload") == "\nPermission denied\n\n")
    #expect(answer("operator;reload") == "\nPermission denied\n\n")
    #expect(answer("operator", level: .user) == "Permission denied\n\n")
  }

  @Test func severitiesAreShownWhereTheyAreAskedFor() {
    #expect(answer("set severity-output number;nope").hasPrefix("\n[3]: Unknown command"))
    #expect(answer("set severity-output string;nope").hasPrefix("\n[err]: Unknown command"))
    #expect(answer("set severity-output number;show version") == "\n\(Version.number)\n\n")
  }

  @Test func aReloadThatFailsSaysWhy() {
    var session = CommandSession(level: .admin)
    let context = context { ReloadOutcome(succeeded: false, messages: ["a.yaml:1:2: no", "", "old stay"]) }
    #expect(session.answer("reload", context) == "Success=0\n--\na.yaml:1:2: no\nold stay\n\n")
  }

  @Test func noAnswerHoldsAnEmptyLine() {
    for line in [
      "help", "show info", "show info desc", "show info typed", "show stat", "show servers state",
      "show table", "show table addresses", "show ledger", "set maxconn global 5", "set server", "nope",
    ] {
      let text = answer(line)
      #expect(text.hasSuffix("\n\n") || text == "\n")
      #expect(!text.dropLast(2).contains("\n\n"), "\(line)")
    }
  }

  @Test func serversAreListedWithTheirState() {
    let lines = answer("show servers state chat").split(separator: "\n")
    #expect(lines[0] == "1")
    let columns = lines[1].dropFirst(2).split(separator: " ")
    #expect(columns.count == 25)
    #expect(lines[2] == "2 chat 1 a 10.0.0.1 2 0 100 100 90061 1 0 2 0 0 0 0 - 9001 - 0 0 - - 0")
    for row in lines[2...] { #expect(row.split(separator: " ").count == columns.count) }
    var snapshot = Snapshot.sample()
    snapshot.pools[0].backends[0].settings.orders.state = .drain
    snapshot.pools[0].backends[0].settings.orders.weight = 7
    snapshot.pools[0].backends[1].settings.orders.state = .maint
    var session = CommandSession(level: .user)
    let ordered = session.answer("show servers state", .over(FakeProxy(snapshot))).split(separator: "\n")
    #expect(ordered[2].contains(" 10.0.0.1 2 8 7 100 "))
    #expect(ordered[3].contains(" 0 1 100 100 "))
    #expect(answer("show servers state nope") == "Can't find backend.\n\n")
  }
}
