import Basics
import COpenSSL
@testable import TLS
import Testing

@Suite struct TicketKeyFileTests {
  /// A key's bytes: each part is its own number over and over.
  private func key(_ number: UInt8, size: Int) -> [UInt8] {
    let half = (size - 16) / 2
    return [UInt8](repeating: number, count: 16) + [UInt8](repeating: number + 1, count: half)
      + [UInt8](repeating: number + 2, count: half)
  }

  private func base64(_ bytes: [UInt8]) -> String {
    var text = [UInt8](repeating: 0, count: 200)
    let count = EVP_EncodeBlock(&text, bytes, Int32(bytes.count))
    return String(decoding: text.prefix(Int(count)), as: UTF8.self)
  }

  private func file(_ text: String) -> TemporaryFile { TemporaryFile(Array(text.utf8)) }

  private func parts(_ key: TicketKey) -> [UInt8] {
    [
      key.name[0], key.cipherKey.load(as: UInt8.self), key.authenticationKey.load(as: UInt8.self),
    ]
  }

  @Test(arguments: [48, 80]) func ofHAProxysKeysTheLastThreeCountAndTheLastButOneSeals(size: Int) throws {
    let file = file([10, 20, 30, 40].map { base64(key($0, size: size)) }.joined(separator: "\n") + "\n")
    let (keys, sealing) = try TicketKeyFile.load([file.source])
    #expect(keys.map(parts) == [[20, 21, 22], [30, 31, 32], [40, 41, 42]])
    #expect(keys.allSatisfy { $0.size.byteCount == size })
    #expect(sealing == 1)
  }

  @Test func sizesMayBeMixedAndLinesEndAndIndentAsTheyLike() throws {
    let lines = [(1, 48), (11, 80), (21, 48)].map { base64(key(UInt8($0), size: $1)) }
    let file = file("\r\n  \(lines[0])  \r\n\n\(lines[1])\t\n\(lines[2])")
    let (keys, _) = try TicketKeyFile.load([file.source])
    #expect(keys.map(\.size) == [.small, .large, .small])
  }

  @Test func nginxHasTheAuthenticationKeyFirstInItsLargeFormOnly() throws {
    let (small, large) = (TemporaryFile(key(1, size: 48)), TemporaryFile(key(5, size: 80)))
    let (keys, sealing) = try TicketKeyFile.load([small.source, large.source])
    #expect(keys.map(parts) == [[1, 2, 3], [5, 7, 6]])
    #expect(sealing == 0)
  }

  @Test func aKeyThatIsAddedMakesTheOneBeforeItSealAndTheOldestGo() throws {
    let file = file([10, 20, 30].map { base64(key($0, size: 80)) }.joined(separator: "\n"))
    let keys = try TicketKeys(files: [file.source])
    try keys.add(base64: base64(key(40, size: 80)), wallTime: WallTime(seconds: 7))
    #expect(keys.summaries.map { $0.name.prefix(2) } == ["14", "1e", "28"])
    #expect(keys.summaries.map(\.state) == [.decrypting, .encrypting, .decrypting])
    #expect(keys.summaries[2].created == WallTime(seconds: 7))
    #expect(parts(keys.sealing) == [30, 31, 32])
  }

  @Test func whatDoesNotFitIsNotAdded() throws {
    let lines = file([10, 20, 30].map { base64(key($0, size: 80)) }.joined(separator: "\n"))
    let raw = TemporaryFile(key(1, size: 80))
    let random = try TicketKeys(lifetime: .seconds(100), now: .zero, wallTime: WallTime(seconds: 0))
    let ofLines = try TicketKeys(files: [lines.source])
    let new = base64(key(40, size: 80))
    for (keys, line, text) in [
      (ofLines, "x", "no base64 of a ticket key's 48 or 80 bytes"),
      (ofLines, new + "\n", "no base64 of a ticket key's 48 or 80 bytes"),
      (ofLines, base64(key(40, size: 48)), "a ticket key here has 80 bytes"),
      (ofLines, base64(key(20, size: 80)), "there is a key of that name"),
      (try TicketKeys(files: [raw.source]), new, "only to keys of a file of base64 lines can one be added"),
      (random, new, "only to keys of a file of base64 lines can one be added"),
    ] {
      let before = keys.summaries
      do throws(TLSError) {
        try keys.add(base64: line, wallTime: WallTime(seconds: 7))
        Issue.record("added: \(line)")
      } catch {
        #expect(error.description == text)
      }
      #expect(keys.summaries == before)
    }
  }

  @Test func aRawKeyMayLookLikeText() throws {
    let bytes = Array("sixteen letters.AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBB".utf8)
    #expect(bytes.count == 48)
    let text = TemporaryFile(bytes)
    #expect(try TicketKeyFile.load([text.source]).keys.count == 1)
  }

  private func expectError(_ files: [TemporaryFile], at index: Int, _ text: String) {
    do throws(TLSError) {
      _ = try TicketKeyFile.load(files.map(\.source))
      Issue.record("no error")
    } catch {
      #expect(error.kind == .badTicketKeys)
      #expect(error.subject == .ticketKeys(index))
      #expect(error.description == "\(files[index].path): \(text)")
    }
  }

  @Test func whatIsNoFileOfKeysIsNamed() {
    let good = base64(key(1, size: 48))
    let other = base64(key(11, size: 48))
    let raw = TemporaryFile(key(1, size: 48))
    expectError([file("")], at: 0, "0 keys; a file of base64 lines has at least 3")
    expectError([file("\(good)\n\(other)\n")], at: 0, "2 keys; a file of base64 lines has at least 3")
    expectError(
      [file("\(good)\nhello\n\(other)\n")], at: 0, "line 2 is no base64 of a ticket key's 48 or 80 bytes")
    expectError(
      [file("\(good)\n\(good.dropLast())=\n")], at: 0, "line 2 is no base64 of a ticket key's 48 or 80 bytes")
    expectError(
      [file("\(good)\n\(good.dropLast())!\n")], at: 0, "line 2 is no base64 of a ticket key's 48 or 80 bytes")
    expectError([file("\(good)\n\(other)\n\(good)\n")], at: 0, "line 3 has the name of a key before it")
    expectError(
      [TemporaryFile([UInt8](repeating: 200, count: 64))], at: 0,
      "64 bytes are no ticket key; a raw one has 48 or 80, other files hold base64")
    let three = [1, 11, 21].map { base64(key($0, size: 48)) }.joined(separator: "\n")
    expectError([raw, file(three)], at: 1, "a file of base64 lines can't be one of several")
    expectError([raw, TemporaryFile(key(1, size: 80))], at: 1, "a key before it has the same name")
  }

  @Test func aMissingFileIsNamedWithItsPlace() {
    let raw = TemporaryFile(key(1, size: 48))
    do throws(TLSError) {
      _ = try TicketKeys(files: [raw.source, .file("/nonexistent/t.key")])
      Issue.record("no error")
    } catch {
      #expect(error.kind == .unreadable)
      #expect(error.subject == .ticketKeys(1))
    }
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], [48, 80])
  func processesWithTheSameFileResumeEachOthersSessions(version: Int32, size: Int) throws {
    let file = TemporaryFile(key(1, size: size))
    let first = connect(try makeContext(ticketKeys: TicketKeys(files: [file.source])), version)
    #expect(!first.isResumed)
    #expect(
      connect(try makeContext(ticketKeys: TicketKeys(files: [file.source])), version, first.session).isResumed
    )
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func aTicketOfARetiredKeyFallsBackToAFullHandshake(version: Int32) throws {
    let (old, new, newer) = (
      TemporaryFile(key(1, size: 80)), TemporaryFile(key(11, size: 80)), TemporaryFile(key(21, size: 48))
    )
    func context(_ files: TemporaryFile...) throws -> TLSContext {
      try makeContext(ticketKeys: TicketKeys(files: files.map(\.source)))
    }
    let first = connect(try context(old), version)
    let second = connect(try context(new, old), version, first.session)
    #expect(second.isResumed)
    // Opened by the old key, and renewed under the one that seals.
    #expect(connect(try context(newer, new), version, second.session).isResumed)
    #expect(!connect(try context(newer, new), version, first.session).isResumed)
  }

  @Test func theSummaryHasTheFilesTime() throws {
    let file = TemporaryFile(key(0xab, size: 48))
    let summary = try #require(TicketKeys(files: [file.source]).summaries.first)
    #expect(summary.name == String(repeating: "ab", count: 16))
    #expect(summary.created.seconds > 1_700_000_000)
    #expect(summary.state == .encrypting)
  }
}
