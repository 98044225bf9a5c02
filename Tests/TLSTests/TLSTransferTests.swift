import Basics
import COpenSSL
@testable import TLS
import Testing

@Suite struct TLSTransferTests {
  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func largeTransfersArriveWholeWhateverTheSplits(version: Int32) throws {
    let seed = UInt64.random(in: 0...(.max))
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let client = TestClient(.init(version: version))
    let link = Link(try makeContext())
    #expect(link.handshake(with: client) == (.established, .done))

    let data = (0..<600_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    var fromClient: [UInt8] = []
    var fromServer: [UInt8] = []
    var sent = 0
    while sent < data.count {
      let part = Array(data[sent..<min(data.count, sent + Int.random(in: 1...50000, using: &generator))])
      sent += part.count
      client.write(part)
      link.pending += client.takeOutput()
      fromClient += link.readInParts(client, &generator)
      link.write(part, to: client)
      fromServer += client.read().bytes
    }
    #expect(fromClient == data)
    #expect(fromServer == data)
  }

  @Test func oneReadOpensSeveralRecords() throws {
    let client = TestClient()
    let link = Link(try makeContext())
    #expect(link.handshake(with: client) == (.established, .done))
    for byte in 0..<UInt8(50) { client.write([byte]) }
    let input = client.takeOutput()
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 1)
    let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 1)
    defer {
      room.deallocate()
      output.deallocate()
    }
    let progress = input.withUnsafeBytes { link.session.read(input: $0, into: room, output: output) }
    #expect(progress == ReadProgress(status: .data, consumed: input.count, read: 50, produced: 0))
    #expect(Array(room[..<50]) == Array(0..<50))
  }

  @Test func aRecordLargerThanTheRoomComesInParts() throws {
    let client = TestClient()
    let link = Link(try makeContext())
    #expect(link.handshake(with: client) == (.established, .done))
    let data = [UInt8](repeating: 7, count: 10000)
    client.write(data)
    #expect(link.read(for: client, into: 999).bytes == data)
  }

  @Test func aWriteStopsWhereWholeRecordsNoLongerFit() throws {
    let client = TestClient()
    let link = Link(try makeContext())
    #expect(link.handshake(with: client) == (.established, .done))
    let data = [UInt8](repeating: 7, count: 40000)
    let output = UnsafeMutableRawBufferPointer.allocate(byteCount: TLSSession.recordRoom + 100, alignment: 1)
    defer { output.deallocate() }
    let progress = data.withUnsafeBytes { link.session.write($0, output: output) }
    #expect(progress.status == .wantsRoom)
    #expect(progress.written == 16384)
    client.receive(output[..<progress.produced])
    #expect(client.read().bytes.count == 16384)
    let none = data.withUnsafeBytes {
      link.session.write($0, output: UnsafeMutableRawBufferPointer(rebasing: output[..<200]))
    }
    #expect(none == WriteProgress(status: .wantsRoom, written: 0, produced: 0))
  }
}

extension Link {
  /// Reads with parts and rooms of random size.
  func readInParts(_ client: TestClient, _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes: [UInt8] = []
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 20000, alignment: 1)
    let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 200, alignment: 1)
    defer {
      room.deallocate()
      output.deallocate()
    }
    while true {
      let offered = min(pending.count, Int.random(in: 0...30000, using: &generator))
      let space = Int.random(in: 1...room.count, using: &generator)
      let progress = pending.withUnsafeBytes {
        session.read(
          input: UnsafeRawBufferPointer(rebasing: $0[..<offered]),
          into: UnsafeMutableRawBufferPointer(rebasing: room[..<space]), output: output)
      }
      bytes += room[..<progress.read]
      pending.removeFirst(progress.consumed)
      if progress.status == .wantsInput, pending.isEmpty { return bytes }
      precondition(progress.status == .data || progress.status == .wantsInput, "\(progress)")
    }
  }
}
