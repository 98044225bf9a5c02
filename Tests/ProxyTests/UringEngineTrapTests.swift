import Basics
import Glibc
import Testing
import Uring

@testable import Proxy

/// What goes wrong with io_uring when one doesn't know: each of these was seen on a real kernel.
@Suite struct UringEngineTrapTests {
  typealias Driver = UringEngineDriver

  @Test func `completions beyond the queue's room end multishots, and none is lost`() throws {
    let driver = try Driver(completions: 8, submissions: 8)
    let clients = try (0..<40).map { _ in try OrdinaryClient(to: driver.endpoint) }
    for _ in clients { #expect(try #require(driver.next(.accept)).result == 0) }
    #expect(driver.acceptedCount() == 40)
    #expect(driver.lostCount == 0)
  }

  @Test func `a receive that has run out of buffers starts anew when there are some`() throws {
    let driver = try Driver(buffers: 16)
    let (client, socket) = try driver.accept()
    driver.engine.receive(socket, multishot: true, Driver.token(.clientReceive))
    let message = patternBytes(400_000)
    var sent = 0
    var received: [UInt8] = []
    var starved = 0
    var held: [Completion] = []
    while received.count < message.count {
      let piece = min(message.count - sent, 65536)
      let heldBytes = held.reduce(0) { $0 + Int($1.result) }
      if piece > 0, sent - received.count - heldBytes < 65536 {
        client.write(Array(message[sent..<sent + piece]))
        sent += piece
      }
      let completion = try #require(driver.next(.clientReceive))
      if completion.result > 0 { held.append(completion) }
      let isAll = received.count + heldBytes + Int(max(0, completion.result)) == message.count
      if completion.result == -ENOBUFS || isAll {
        if !isAll { starved += 1 }
        for completion in held { received += driver.takeBytes(completion) }
        held = []
        driver.poll()
        #expect(driver.hasReceiveBuffers)
      }
      if !completion.more { driver.engine.receive(socket, multishot: true, Driver.token(.clientReceive)) }
    }
    #expect(received == message)
    #expect(driver.providedCount <= 8)
    #expect(starved > 0)
  }

  @Test func `receives leave buffers to others, and say when they have none`() throws {
    let driver = try Driver(buffers: 16)
    #expect(driver.providedCount == 8)
    #expect(driver.hasReceiveBuffers)
    let (client, socket) = try driver.accept()
    var taken: [BufferID] = []
    while let id = driver.engine.buffers.take() { taken.append(id) }
    driver.engine.receive(socket, multishot: true, Driver.token(.clientReceive))
    var results: [Int32] = []
    for _ in 0..<9 {
      client.write(patternBytes(100))
      let completion = try #require(driver.next(.clientReceive))
      results.append(completion.result)
      if !completion.buffer.isNone { taken.append(completion.buffer) }
    }
    #expect(results == [Int32](repeating: 100, count: 8) + [-ENOBUFS])
    #expect(!driver.hasReceiveBuffers)
    for id in taken { driver.engine.buffers.give(id) }
    driver.poll()
    #expect(driver.hasReceiveBuffers)
    driver.engine.receive(socket, multishot: true, Driver.token(.clientReceive))
    #expect(driver.takeBytes(try #require(driver.next(.clientReceive))).count == 100)
  }

  @Test func `the table never runs full: clients wait until a slot is free`() throws {
    let driver = try Driver(accepted: 4)
    let clients = try (0..<12).map { _ in try OrdinaryClient(to: driver.endpoint) }
    var accepted: [SocketHandle] = []
    for round in 0..<3 {
      for _ in 0..<4 { accepted.append(try #require(driver.next(.accept)).socket) }
      driver.settle()
      #expect(driver.seenCount(.accept) == 0)
      #expect(driver.acceptPauses == UInt64(round + 1))
      while let socket = accepted.popLast() { try driver.close(socket) }
    }
    #expect(driver.acceptOverruns == 0)
    for client in clients { #expect(client.read(1) == []) }
  }

  @Test func `a client that comes while accepts are cancelled is accepted by those armed anew`() throws {
    let driver = try Driver(accepted: 1000, outgoing: 1000)
    // Connects of the engine's own reach the listener in the very enter that cancels the accepts.
    for round in 0..<200 {
      let connecting = try (0..<4).map { _ in try #require(driver.connect()) }
      if round % 2 == 0 { driver.poll() }
      driver.engine.pauseAccepting(listener: 0)
      if round % 3 == 0 { driver.poll() }
      driver.engine.resumeAccepting(listener: 0)
      let accepted = driver.take(4, .accept)
      try #require(accepted.count == 4)
      try #require(driver.take(4, .backendConnect).count == 4)
      for socket in accepted.map(\.socket) + connecting { try driver.close(socket, reset: true) }
    }
  }

  @Test func `a slot has another socket only when its close has completed`() throws {
    let driver = try Driver(outgoing: 2)
    let first = try #require(driver.connect())
    let second = try #require(driver.connect())
    #expect(driver.connect() == nil)
    for _ in 0..<2 { #expect(try #require(driver.next(.backendConnect)).result == 0) }
    driver.engine.close(first, reset: true, Driver.token(.backendClose))
    #expect(driver.connect() == nil)
    #expect(driver.next(.backendClose) != nil)
    let third = try #require(driver.connect())
    #expect(third == first && third != second)
    #expect(try #require(driver.next(.backendConnect)).result == 0)
  }

  @Test func `a reset ends a send in flight, and the receive looks as if it had ended in order`() throws {
    let driver = try Driver()
    let (client, socket) = try driver.accept()
    driver.engine.receive(socket, multishot: true, Driver.token(.clientReceive))
    // More than both kernel buffers hold, so that one send blocks.
    var results: [Int32] = []
    let queue = try driver.queue(patternBytes(8 * BufferPool.payload))
    for _ in 0..<200 {
      #expect(driver.send(socket, queue, .clientSend) == 8)
      guard let completion = driver.next(.clientSend, within: .milliseconds(50)) else { break }
      results.append(completion.result)
    }
    #expect(results.allSatisfy { $0 == 8 * Int32(BufferPool.payload) } && results.count < 200)
    client.close(reset: true)
    let send = try #require(driver.next(.clientSend))
    #expect(send.result < 8 * Int32(BufferPool.payload))
    let receive = try #require(driver.next(.clientReceive))
    #expect([0, -ECONNRESET, -EPIPE].contains(receive.result) && !receive.more)
    try driver.close(socket)
  }

  @Test func `the pieces of a send arrive in order, though it blocks`() throws {
    let driver = try Driver()
    let (client, socket) = try driver.accept()
    let message = patternBytes(8 * BufferPool.payload)
    let queue = try driver.queue(message)
    let rounds = 100
    var done = 0
    var arrived = 0
    var isInOrder = true
    driver.send(socket, queue, .clientSend)
    // The client reads only when a send blocks: each send but the first is ended in the middle.
    while done < rounds {
      if let completion = driver.next(.clientSend, within: .milliseconds(1)) {
        #expect(Int(completion.result) == message.count)
        done += 1
        if done < rounds { driver.send(socket, queue, .clientSend) }
      } else {
        for byte in client.read(1 << 20) {
          if byte != message[arrived % message.count] { isInOrder = false }
          arrived += 1
        }
      }
    }
    try driver.close(socket)
    while let rest = client.readSome(1 << 20), !rest.isEmpty {
      for byte in rest {
        if byte != message[arrived % message.count] { isInOrder = false }
        arrived += 1
      }
    }
    #expect(isInOrder && arrived == rounds * message.count)
  }

  @Test func `cancelled and then closed, a socket with an armed receive is closed indeed`() throws {
    let driver = try Driver()
    let (client, socket) = try driver.accept()
    let token = Driver.token(.clientReceive)
    driver.engine.receive(socket, multishot: true, token)
    driver.poll()
    driver.engine.cancel(token, on: socket, Driver.token(.clientCancel))
    #expect(try #require(driver.next(.clientReceive)).result == -ECANCELED)
    #expect(try #require(driver.next(.clientCancel)).result == 1)
    try driver.close(socket)
    #expect(client.read(1) == [])
  }

  @Test func `chains advance in turns that don't wait, and a close with reset resets`() throws {
    let driver = try Driver()
    let (client, socket) = try driver.accept()
    let backend = try #require(
      driver.connect(to: driver.endpoint, beside: socket))
    for _ in 0..<10000 where driver.seenCount(.backendConnect) == 0 { driver.poll() }
    #expect(driver.seenCount(.backendConnect) == 1)
    driver.engine.close(socket, reset: true, Driver.token(.clientClose))
    driver.engine.close(backend, reset: true, Driver.token(.backendClose))
    for _ in 0..<10000 where driver.seenCount(.clientClose) + driver.seenCount(.backendClose) < 2 {
      driver.poll()
    }
    #expect(client.readSome(1) == nil && errno == ECONNRESET)
  }

  @Test func `accepted sockets take no descriptor of the process`() throws {
    let driver = try Driver(accepted: 64)
    let clients = try (0..<10).map { _ in try OrdinaryClient(to: driver.endpoint) }
    for _ in clients {
      let socket = try #require(driver.next(.accept)).socket
      #expect(driver.isOpen(socket) && socket.slot < 64)
    }
    #expect(driver.acceptedCount() == 10)
    // A direct descriptor is a number of the table's, which starts at 0; an ordinary one couldn't be closed so.
    try driver.close(SocketHandle(rawValue: 0))
  }

  @Test func `each of many clients has its own address`() throws {
    let driver = try Driver()
    let clients = try (0..<30).map { _ in try OrdinaryClient(to: driver.endpoint) }
    #expect(driver.take(30, .accept).count == 30)
    #expect(Set(driver.peers) == Set(clients.map(\.endpoint)) && driver.peers.count == 30)
  }

  @Test func `a shutdown takes no thread of the kernel's`() throws {
    let driver = try Driver()
    let (client, socket) = try driver.accept()
    driver.engine.shutdown(socket, Driver.token(.clientShutdown))
    #expect(try #require(driver.next(.clientShutdown)).result == 0)
    #expect(client.read(1) == [])
    client.write([5])
    driver.engine.receive(socket, multishot: false, Driver.token(.clientReceive))
    #expect(driver.takeBytes(try #require(driver.next(.clientReceive))) == [5])
    #expect(try threadNames().allSatisfy { !$0.hasPrefix("iou-wrk") })
  }

  private func threadNames() throws -> [String] {
    let directory = try #require(opendir("/proc/self/task"))
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let file = fopen("/proc/self/task/\(name)/comm", "r") else { continue }
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 64)
      if fgets(&line, 64, file) != nil {
        names.append(String(decoding: line.map(UInt8.init(bitPattern:)), as: UTF8.self))
      }
    }
    return names
  }
}
