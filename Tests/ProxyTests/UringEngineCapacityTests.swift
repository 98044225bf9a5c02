import Basics
import Glibc
import Testing
import Uring

@testable import Proxy

@Suite struct UringEngineCapacityTests {
  typealias Driver = UringEngineDriver

  /// 22000 sockets, none of which counts against RLIMIT_NOFILE.
  @Test(.enabled(if: UringEngine.Layout.slotLimit() >= 10_000, "RLIMIT_NOFILE has no room for the tables"))
  func `several rings hold more sockets than the process may have descriptors`() throws {
    let driver = try Driver(rings: 3, accepted: 6000, outgoing: 4000, buffers: 1024)
    let count = 11_000
    var backends: [SocketHandle] = []
    var clients: [SocketHandle] = []
    while backends.count < count {
      for _ in 0..<250 {
        backends.append(try #require(driver.connect(UInt32(backends.count))))
      }
      let connected = driver.take(250, .backendConnect)
      try #require(connected.count == 250 && connected.allSatisfy { $0.result == 0 })
      let accepted = driver.take(250, .accept)
      try #require(accepted.count == 250)
      clients += accepted.map(\.socket)
    }
    let heldByRing = (0..<3).map {
      driver.acceptedCount($0) + driver.outgoingCount($0)
    }
    #expect(heldByRing.reduce(0, +) == 2 * count && heldByRing.allSatisfy { $0 > 2000 })
    #expect(driver.acceptOverruns == 0)
    #expect(openDescriptorCount() < 1000)

    // Data through some of each ring's.
    for index in stride(from: 0, to: count, by: 97) {
      driver.engine.receive(clients[index], multishot: false, Driver.token(.clientReceive, UInt32(index)))
    }
    var queue = try driver.queue([42])
    for backend in backends { driver.send(backend, queue, .backendSend) }
    for index in stride(from: 0, to: count, by: 97) {
      #expect(driver.takeBytes(try #require(driver.next(.clientReceive, UInt32(index)))) == [42])
    }
    let sent = driver.take(count, .backendSend)
    #expect(sent.count == count && sent.allSatisfy { $0.result == 1 })
    queue.removeAll(in: &driver.engine.buffers)

    for socket in clients + backends { driver.engine.close(socket, reset: true, Driver.token(.clientClose)) }
    #expect(driver.take(2 * count, .clientClose).count == 2 * count)
    for ring in 0..<3 {
      #expect(driver.acceptedCount(ring) == 0)
      #expect(driver.outgoingCount(ring) == 0)
    }
  }

  @Test func `what comes to another ring than the first ends the wait`() throws {
    let driver = try Driver(rings: 3)
    // Clients until each ring has one.
    var clients: [OrdinaryClient] = []
    var sockets: [Int: SocketHandle] = [:]
    while sockets.count < 3 {
      let (client, socket) = try driver.accept()
      clients.append(client)
      if sockets[socket.ring] == nil {
        sockets[socket.ring] = socket
        driver.engine.receive(
          socket, multishot: true, Driver.token(.clientReceive, UInt32(clients.count - 1)))
      }
    }
    driver.settle()
    for round in 0..<3 {
      for (index, client) in clients.enumerated() { client.write([UInt8(index), UInt8(round)]) }
      for _ in 0..<3 {
        let completion = try #require(driver.next(.clientReceive))
        #expect(driver.takeBytes(completion) == [UInt8(completion.token.slot.index), UInt8(round)])
      }
    }
  }

  /// Whether they come to an idle listener, whose accepts are armed, or have been there before it is.
  @Test(arguments: [1, 2, 3, 6], [false, true])
  func `a turn accepts few clients of a listener, and all of them in the end`(rings: Int, paused: Bool) throws
  {
    let driver = try Driver(rings: rings)
    if paused { driver.engine.pauseAccepting(listener: 0) }
    driver.settle()
    let count = 50
    let clients = try (0..<count).map { _ in try OrdinaryClient(to: driver.endpoint) }
    if paused { driver.engine.resumeAccepting(listener: 0) }
    var turns: [Int] = []
    let deadline = driver.now + .seconds(8)
    while turns.reduce(0, +) < count, driver.now < deadline { turns.append(driver.countAccepted()) }
    #expect(turns.reduce(0, +) == count)
    #expect(turns.allSatisfy { $0 <= max(4, rings) }, "\(turns)")
    // Not only one at a time either.
    #expect(turns.contains { $0 > 1 }, "\(turns)")
    #expect(Set(driver.peers) == Set(clients.map(\.endpoint)))
  }

  private func openDescriptorCount() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return .max }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    return count
  }
}
