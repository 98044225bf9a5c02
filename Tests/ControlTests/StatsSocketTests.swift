@testable import Control
import Foundation
import NIOCore
import NIOPosix
import Settings
import Synchronization
import Testing

/// A unix socket in a folder of its own, with a fake proxy behind it.
private final class Bench {
  let folder: TemporaryFolder
  let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  let figures = StatsSocketFigures()
  var path: String { folder.path + "/stats.sock" }

  init() throws { folder = try TemporaryFolder(prefix: "tidegate-test") }

  deinit {
    try? group.syncShutdownGracefully()
    folder.remove()
  }

  func open(
    level: Settings.Admin.Level = .admin, mode: UInt16 = 0o600, idle: Duration = .seconds(60)
  ) throws -> StatsSocket {
    var settings = Settings.Admin.StatsSocket(path: path)
    settings.level = level
    settings.mode = mode
    let context = CommandContext.over(socketFigures: figures) {
      ReloadOutcome(succeeded: false, messages: ["broken.yaml:1:1: no"])
    }
    return try StatsSocket(settings, group: group, context: context, idleDeadline: idle)
  }

  func connect() throws -> FileHandle {
    FileHandle(fileDescriptor: try UnixAddress.connect(path).get(), closeOnDealloc: true)
  }

  /// Sends text, says that there is no more, and reads up to the end.
  func converse(_ text: String) throws -> String {
    let socket = try connect()
    try socket.write(contentsOf: Data(text.utf8))
    shutdown(socket.fileDescriptor, Int32(SHUT_WR))
    return String(decoding: try socket.readToEnd() ?? Data(), as: UTF8.self)
  }

  func mode() throws -> Int {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int ?? 0
  }
}

@Suite(.serialized, .timeLimit(.minutes(1))) struct StatsSocketTests {
  @Test func answersOneLineAndCloses() throws {
    let bench = try Bench()
    let socket = try bench.open()
    defer { socket.close() }
    #expect(try bench.converse("show version\nshow version\n") == "\(Version.number)\n\n")
    let info = try bench.converse("show info;show stat\n")
    #expect(info.hasPrefix("Name: Tidegate\n") && info.contains("\n\n# pxname,"))
  }

  @Test func staysOpenAfterPrompt() throws {
    let bench = try Bench()
    let socket = try bench.open()
    defer { socket.close() }
    let version = "\(Version.number)\n\n> "
    #expect(try bench.converse("prompt\nshow version\n\nquit\nshow version\n") == "\n> \(version)\n> ")
  }

  @Test func halfALineIsNotRun() throws {
    let bench = try Bench()
    let socket = try bench.open()
    defer { socket.close() }
    #expect(try bench.converse("show version").isEmpty)
  }

  @Test func refusesALineThatIsTooLong() throws {
    let bench = try Bench()
    let socket = try bench.open()
    defer { socket.close() }
    let line = String(repeating: "x", count: LineBuffer.limit + 1)
    #expect(try bench.converse(line + "\n") == "Line too long.\n\n")
  }

  @Test func holdsClientsToTheSocketsLevel() throws {
    let bench = try Bench()
    let socket = try bench.open(level: .operator)
    defer { socket.close() }
    #expect(try bench.converse("reload\n") == "Permission denied\n\n")
    #expect(try bench.converse("show version\n") == "\(Version.number)\n\n")
  }

  @Test(arguments: [0o600, 0o660, 0o666] as [UInt16]) func theFileHasItsModeWhateverTheUmask(mode: UInt16)
    throws
  {
    let bench = try Bench()
    let socket = try bench.open(mode: mode)
    #expect(try bench.mode() == Int(mode))
    var other = Settings.Admin.StatsSocket(path: bench.path)
    other.mode = 0o640
    try socket.apply(other)
    #expect(try bench.mode() == 0o640)
    socket.close()
    #expect(!FileManager.default.fileExists(atPath: bench.path), "closing removes it")
  }

  @Test func replacesAFileThatNobodyListensOn() throws {
    let bench = try Bench()
    let (_, descriptor) = try SocketFile.listen(at: bench.path, mode: 0o600)
    Glibc.close(descriptor)
    let socket = try bench.open()
    defer { socket.close() }
    #expect(try bench.converse("show version\n") == "\(Version.number)\n\n")
  }

  @Test func leavesASocketAloneThatSomebodyListensOn() throws {
    let bench = try Bench()
    let socket = try bench.open()
    defer { socket.close() }
    #expect(throws: ControlError("stats socket \(bench.path): another process listens there")) {
      try bench.open()
    }
    #expect(try bench.converse("show version\n") == "\(Version.number)\n\n", "the first still answers")
  }

  @Test func leavesOtherFilesAlone() throws {
    let bench = try Bench()
    _ = try bench.folder.write("precious", to: "stats.sock")
    #expect(throws: ControlError.self) { try bench.open() }
    #expect(try String(contentsOfFile: bench.path, encoding: .utf8) == "precious")
  }

  @Test func closesIdleConnections() throws {
    let bench = try Bench()
    let socket = try bench.open(idle: .milliseconds(20))
    defer { socket.close() }
    #expect(try bench.connect().readToEnd() ?? Data() == Data(), "the end comes without a word from either")
  }

  @Test func countsConnectionsBeyondTheLimitAndClosesThem() throws {
    let bench = try Bench()
    let socket = try bench.open()
    defer { socket.close() }
    var held: [FileHandle] = []
    for _ in 0..<StatsSocket.connectionLimit {
      let client = try bench.connect()
      // An answer proves that the connection has been taken in.
      try client.write(contentsOf: Data("prompt\n".utf8))
      #expect(try client.read(upToCount: 3) == Data("\n> ".utf8))
      held.append(client)
    }
    #expect(try bench.connect().readToEnd() ?? Data() == Data())
    #expect(bench.figures.refused.load(ordering: .relaxed) == 1)
  }

  @Test func theClientTellsErrorsFromAnswers() throws {
    let bench = try Bench()
    let socket = try bench.open()
    defer { socket.close() }
    let client = StatsClient(path: bench.path)
    #expect(try client.send("show version") == .init(text: "\(Version.number)\n", isError: false))
    let reload = try client.send("reload")
    #expect(reload == .init(text: "Success=0\n--\nbroken.yaml:1:1: no\n", isError: true))
    #expect(try client.send("show nonsense").isError)
    #expect(try client.send("show version;nope").isError)
  }

  @Test func theClientSaysThatNobodyIsThere() throws {
    let bench = try Bench()
    #expect(throws: ControlError("can't connect to \(bench.path): No such file or directory")) {
      try StatsClient(path: bench.path).send("show info")
    }
  }
}
