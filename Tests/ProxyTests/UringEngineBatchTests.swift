import Basics
import Glibc
@testable import Policy
import Testing
import Uring

@testable import Proxy

private typealias Driver = UringEngineDriver

/// What a wait is for, and operations that belong together.
@Suite(.serialized) struct `The engine's waits and chains` {
  // MARK: Waits

  @Test func `a batch is waited for until its window ends, and then for one completion`() throws {
    let driver = try Driver()
    let hasWindow = driver.engine.hasWindow
    try #require(hasWindow, "Linux 6.12 has it")
    let (client, socket) = try driver.accept()
    driver.settle()
    driver.engine.receive(socket, multishot: true, Driver.token(.clientReceive))
    driver.poll()
    let start = driver.now
    let batch = CompletionCoalescing.Batch(count: 2, window: .milliseconds(20))
    client.write([1])
    driver.engine.submitAndWait(until: start + .seconds(5), for: batch)
    #expect(driver.now >= start + .milliseconds(20))
    #expect(driver.nextRaw() != nil)
    // Nothing comes within the window: it isn't over.
    let later = driver.now
    driver.engine.submitAndWait(until: later + .milliseconds(60), for: batch)
    #expect(driver.now >= later + .milliseconds(60))
    #expect(driver.nextRaw() == nil)
  }

  @Test(arguments: [1, 3]) func `what nobody waits for ends a wait only with its window`(rings: Int) throws {
    let driver = try Driver(rings: rings)
    let pairs = try (0..<4).map { _ in try driver.accept() }
    driver.settle()
    let batch = CompletionCoalescing.Batch(count: 1, window: .milliseconds(20))
    for (_, socket) in pairs {
      let start = driver.now
      driver.send(socket, try driver.queue([1, 2, 3]), .clientSend)
      driver.engine.expectsNothing(of: socket)
      driver.engine.submitAndWait(until: start + .seconds(5), for: batch)
      #expect(driver.now >= start + .milliseconds(20))
      #expect(try #require(driver.nextRaw()).token == Driver.token(.clientSend))
    }
  }

  @Test(arguments: [1, 3]) func `anything else ends it, and then both are seen`(rings: Int) throws {
    let driver = try Driver(rings: rings)
    let pairs = try (0..<4).map { _ in try driver.accept() }
    driver.settle()
    for (index, (client, socket)) in pairs.enumerated() {
      driver.engine.receive(socket, multishot: true, Driver.token(.clientReceive, UInt32(index)))
      driver.poll()
      client.write([1])
      driver.send(socket, try driver.queue([1, 2, 3]), .clientSend)
      driver.engine.expectsNothing(of: socket)
      // Without its message the wait would last a minute.
      driver.engine.submitAndWait(
        until: driver.now + .seconds(60), for: .init(count: 1, window: .seconds(60)))
      var seen: Set<UInt8> = []
      while let completion = driver.nextRaw() { seen.insert(completion.token.operation) }
      #expect(seen == [Operation.clientSend.rawValue, Operation.clientReceive.rawValue])
    }
  }

  @Test(arguments: [1, 3]) func `what something waits for after all ends a wait`(rings: Int) throws {
    let driver = try Driver(rings: rings)
    let pairs = try (0..<4).map { _ in try driver.accept() }
    driver.settle()
    for (_, socket) in pairs {
      let deadline = driver.now + .seconds(60)
      driver.send(socket, try driver.queue([1, 2, 3]), .clientSend)
      driver.engine.expectsNothing(of: socket)
      driver.engine.expectsSomething(of: socket)
      driver.engine.submitAndWait(until: deadline, for: .init(count: 1, window: .seconds(60)))
      #expect(driver.now < deadline)
      #expect(try #require(driver.nextRaw()).token == Driver.token(.clientSend))
    }
  }

  @Test func `without a batch the first completion ends a wait, whatever it is`() throws {
    let driver = try Driver()
    let (_, socket) = try driver.accept()
    driver.settle()
    driver.send(socket, try driver.queue([1]), .clientSend)
    driver.engine.expectsNothing(of: socket)
    driver.engine.submitAndWait(until: driver.now + .seconds(60))
    #expect(driver.nextRaw() != nil)
  }

  // MARK: A connect and its send

  @Test func `a send that follows a connect goes out with it, and tells of both`() throws {
    let driver = try Driver()
    let socket = try #require(driver.connect(to: driver.endpoint, isFollowed: true))
    driver.send(socket, try driver.queue([1, 2, 3]), .backendSend)
    #expect(try #require(driver.next(.backendSend)).result == 3)
    let accepted = try #require(driver.next(.accept)).socket
    driver.engine.receive(accepted, multishot: false, Driver.token(.clientReceive))
    let received = try #require(driver.next(.clientReceive))
    #expect(driver.takeBytes(received) == [1, 2, 3])
    driver.settle()
    #expect(driver.seenCount(.backendConnect) == 0)
  }

  @Test(arguments: [1, 20]) func `a connect that fails tells of the send too`(buffers: Int) throws {
    let driver = try Driver()
    let listener = try Socket.listen(on: try #require(Endpoint("127.0.0.1:0")), backlog: 1)
    let deserted = try #require(Socket.boundEndpoint(of: listener))
    Glibc.close(listener)
    for (endpoint, error) in [(deserted, ECONNREFUSED), (.unix(path: "/nowhere/socket"), ENOENT)] {
      let socket = try #require(driver.connect(to: endpoint, isFollowed: true))
      driver.send(socket, try driver.queue(patternBytes(buffers * BufferPool.payload)), .backendSend)
      #expect(try #require(driver.next(.backendConnect)).result == -error)
      try driver.close(socket)
    }
    driver.settle()
    #expect(driver.seenCount(.backendConnect) == 0 && driver.seenCount(.backendSend) == 0)
  }

  @Test func `cancelled, the two complete once`() throws {
    let driver = try Driver()
    let endpoint = try #require(Endpoint("192.0.2.1:9"))
    let socket = try #require(driver.connect(to: endpoint, isFollowed: true))
    driver.send(socket, try driver.queue([1]), .backendSend)
    driver.engine.cancel(Driver.token(.backendSend), on: socket, Driver.token(.backendCancel, 1))
    driver.engine.cancel(Driver.token(.backendConnect), on: socket, Driver.token(.backendCancel, 2))
    #expect(try #require(driver.next(.backendConnect)).result < 0)
    for index: UInt32 in 1...2 { #expect(driver.next(.backendCancel, index) != nil) }
    try driver.close(socket)
    driver.settle()
    #expect(driver.seenCount(.backendConnect) == 0 && driver.seenCount(.backendSend) == 0)
  }

  /// Between two links there is nothing in the kernel that a cancel would find.
  @Test(arguments: 0..<4) func `a connect that hangs is found by the cancels of some turn`(turns: Int) throws
  {
    let driver = try Driver()
    let listener = try Socket.listen(on: try #require(Endpoint("127.0.0.1:0")), backlog: 1)
    defer { Glibc.close(listener) }
    let endpoint = try #require(Socket.boundEndpoint(of: listener))
    let fillers = try (0..<2).map { _ in try OrdinaryClient(to: endpoint) }
    let socket = try #require(driver.connect(to: endpoint, isFollowed: true))
    driver.send(socket, try driver.queue([1]), .backendSend)
    for _ in 0..<turns { driver.poll() }
    var rounds = 0
    while driver.seenCount(.backendConnect) == 0, rounds < 1000 {
      rounds += 1
      driver.engine.cancel(Driver.token(.backendSend), on: socket, Driver.token(.backendCancel))
      driver.engine.cancel(Driver.token(.backendConnect), on: socket, Driver.token(.backendCancel))
      _ = driver.take(2, .backendCancel)
    }
    #expect(rounds < 20)
    #expect(try #require(driver.next(.backendConnect)).result == -ECANCELED)
    try driver.close(socket)
    driver.settle()
    #expect(driver.seenCount(.backendConnect) == 0 && driver.seenCount(.backendSend) == 0)
    withExtendedLifetime(fillers) {}
  }

  /// What the worker goes by when the deadline for connecting has passed.
  @Test func `a send that is cancelled after its connect says how much has left`() throws {
    let driver = try Driver()
    let listener = try Socket.listen(on: try #require(Endpoint("127.0.0.1:0")), backlog: 8)
    defer { Glibc.close(listener) }
    // So small segments that the connected socket has no room for all.
    var segment: Int32 = 88
    setsockopt(listener, Int32(IPPROTO_TCP), TCP_MAXSEG, &segment, 4)
    var room: Int32 = 2048
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room, 4)
    let endpoint = try #require(Socket.boundEndpoint(of: listener))
    let socket = try #require(driver.connect(to: endpoint, isFollowed: true))
    let whole = 8 * BufferPool.payload
    driver.send(socket, try driver.queue(patternBytes(whole)), .backendSend)
    driver.settle()
    #expect(driver.next(.backendSend, within: .milliseconds(50)) == nil, "it is stuck")
    driver.engine.cancel(Driver.token(.backendSend), on: socket, Driver.token(.backendCancel, 1))
    driver.engine.cancel(Driver.token(.backendConnect), on: socket, Driver.token(.backendCancel, 2))
    let result = Int(try #require(driver.next(.backendSend)).result)
    #expect(result > 0 && result < whole)
    for index: UInt32 in 1...2 { #expect(driver.next(.backendCancel, index) != nil) }
    try driver.close(socket)
    driver.settle()
    #expect(driver.seenCount(.backendConnect) == 0)
  }

  @Test func `a chain reaches the kernel whole, however full the queue is`() throws {
    let driver = try Driver(submissions: 8)
    let (_, other) = try driver.accept()
    for filled in 0..<8 {
      for _ in 0..<filled { driver.engine.cancel(Driver.token(.clientSend), on: other, Driver.token(.wake)) }
      let socket = try #require(driver.connect(to: driver.endpoint, isFollowed: true))
      driver.send(socket, try driver.queue([7]), .backendSend)
      #expect(try #require(driver.next(.backendSend)).result == 1)
      #expect(driver.next(.accept) != nil)
    }
  }
}
