import Basics
import Glibc
import Testing
import Uring

@testable import Policy
@testable import Proxy

@Suite struct UringEngineTests {
  typealias Driver = UringEngineDriver

  @Test(arguments: ["127.0.0.1:0", "[::1]:0", "unix:@tidegate-engine-echo"])
  func `echoes through sockets that it accepts and sockets that it connects`(_ text: String) throws {
    let driver = try Driver(at: try #require(Endpoint(text)))
    let backend = try #require(
      driver.connect())
    #expect(try #require(driver.next(.backendConnect)).result == 0)
    let client = try #require(driver.next(.accept)).socket
    let message = patternBytes(40_000)

    driver.engine.receive(client, multishot: true, Driver.token(.clientReceive))
    driver.engine.receive(backend, multishot: true, Driver.token(.backendReceive))
    var queue = try driver.queue(message)
    #expect(driver.send(backend, queue, .backendSend) == 3)
    #expect(try #require(driver.next(.backendSend)).result == 40_000)
    queue.removeAll(in: &driver.engine.buffers)

    var echoed: [UInt8] = []
    while echoed.count < message.count {
      let arrived = driver.takeBytes(try #require(driver.next(.clientReceive)))
      try #require(!arrived.isEmpty)
      queue = try driver.queue(arrived)
      driver.send(client, queue, .clientSend)
      #expect(Int(try #require(driver.next(.clientSend)).result) == arrived.count)
      queue.removeAll(in: &driver.engine.buffers)
      while echoed.count < message.count, let part = driver.next(.backendReceive, within: .milliseconds(1)) {
        echoed += driver.takeBytes(part)
      }
    }
    #expect(echoed == message)

    driver.engine.shutdown(backend, Driver.token(.backendShutdown))
    #expect(try #require(driver.next(.backendShutdown)).result == 0)
    let end = try #require(driver.next(.clientReceive))
    #expect(end.result == 0 && end.buffer.isNone && !end.more)
    try driver.close(client)
    let other = try #require(driver.next(.backendReceive))
    #expect(other.result == 0 && !other.more)
    try driver.close(backend)
    #expect(driver.acceptedCount() == 0)
    #expect(driver.outgoingCount() == 0)
  }

  @Test func `last bytes arrive ahead of the FIN that they wait for`() throws {
    let driver = try Driver()
    let (client, socket) = try driver.accept()
    for bytes in [patternBytes(5), patternBytes(40_000)] {
      var queue = try driver.queue(bytes)
      driver.send(socket, queue, isLast: true, .clientSend)
      #expect(Int(try #require(driver.next(.clientSend)).result) == bytes.count)
      queue.removeAll(in: &driver.engine.buffers)
    }
    driver.engine.shutdown(socket, Driver.token(.clientShutdown))
    #expect(try #require(driver.next(.clientShutdown)).result == 0)
    #expect(client.read(40_005) == patternBytes(5) + patternBytes(40_000))
    #expect(client.read(1) == [])
    try driver.close(socket)
  }

  @Test func `a completion has its token, generation and all`() throws {
    let driver = try Driver()
    let (client, socket) = try driver.accept()
    let token = Driver.token(.clientReceive, 0xffff_fffe, generation: 0xab_cdef)
    driver.engine.receive(socket, multishot: false, token)
    client.write([1])
    let completion = try #require(driver.next(.clientReceive))
    #expect(completion.token == token && !completion.more)
    #expect(driver.takeBytes(completion) == [1])
    // The slot's next tenant has another generation: the old tenant's completion isn't its own.
    #expect(completion.token.slot != SlotID(index: 0xffff_fffe, generation: 0xab_cdf0))
  }

  @Test func `a refused connect tells why, and its handle closes`() throws {
    let driver = try Driver(outgoing: 1)
    let listener = try Socket.listen(on: try #require(Endpoint("127.0.0.1:0")), backlog: 1)
    let deserted = try #require(Socket.boundEndpoint(of: listener))
    Glibc.close(listener)
    for (endpoint, error) in [(deserted, ECONNREFUSED), (.unix(path: "/nowhere/socket"), ENOENT)] {
      let socket = try #require(
        driver.connect(to: endpoint))
      #expect(try #require(driver.next(.backendConnect)).result == -error)
      try driver.close(socket)
    }
    driver.settle()
    #expect(driver.seenCount(.backendConnect) == 0)
  }

  @Test func `a connect can be cancelled, which completes it once`() throws {
    let driver = try Driver(accepted: 1)
    // 192.0.2.0/24 is for documentation: on loopback-only machines the connect fails at once instead.
    let endpoint = try #require(Endpoint("192.0.2.1:9"))
    let token = Driver.token(.backendConnect)
    let socket = try #require(driver.connect(to: endpoint))
    driver.engine.cancel(token, on: socket, Driver.token(.backendCancel))
    #expect(try #require(driver.next(.backendConnect)).result < 0)
    #expect(driver.next(.backendCancel) != nil)
    try driver.close(socket)
    driver.settle()
    #expect(driver.seenCount(.backendConnect) == 0)
  }

  @Test func `a write to the eventfd from another thread wakes it, again and again`() throws {
    let descriptor = try EventDescriptor.make()
    defer { Glibc.close(descriptor) }
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    let driver = try Driver(wake: descriptor)
    for _ in 0..<3 {
      var thread = pthread_t()
      let argument = UnsafeMutableRawPointer(bitPattern: Int(descriptor))
      let started = pthread_create(
        &thread, nil,
        { argument in
          EventDescriptor.signal(Int32(Int(bitPattern: argument)))
          return nil
        }, argument)
      try #require(started == 0)
      #expect(driver.next(.wake) != nil)
      pthread_join(thread, nil)
    }
    driver.settle()
    #expect(driver.seenCount(.wake) == 0)
  }

  @Test func `waits until the deadline, and not at all for one that is past`() throws {
    let driver = try Driver()
    driver.settle()
    let start = driver.now
    driver.engine.submitAndWait(until: start + .milliseconds(20))
    #expect(driver.now >= start + .milliseconds(20))
    #expect(driver.nextRaw() == nil)
    let later = driver.now
    for _ in 0..<100 { driver.engine.submitAndWait(until: start) }
    #expect(driver.now.since(later) < .seconds(1))
    #expect(driver.nextRaw() == nil)
  }

  @Test func `more operations than the submission queue has room for all reach the kernel`() throws {
    let driver = try Driver(submissions: 8)
    let (client, socket) = try driver.accept()
    for index in 0..<100 {
      driver.engine.cancel(Driver.token(.clientSend), on: socket, Driver.token(.clientCancel, UInt32(index)))
    }
    for index in 0..<100 { #expect(driver.next(.clientCancel, UInt32(index)) != nil) }
    _ = client
  }

  @Test func `a send takes as many buffers as the protocol says`() throws {
    #expect(UringEngine.sendBatch == Ring.gatherLimit)
    let driver = try Driver()
    let (client, socket) = try driver.accept()
    let queue = try driver.queue(patternBytes(10 * BufferPool.payload))
    let taken = driver.send(socket, queue, .clientSend)
    #expect(taken == UringEngine.sendBatch)
    #expect(client.read(0) == [])
    driver.poll()
    #expect(client.read(8 * BufferPool.payload) == Array(patternBytes(8 * BufferPool.payload)))
    #expect(try #require(driver.next(.clientSend)).result == 8 * Int32(BufferPool.payload))
  }

  @Test func `without a socket beside, a connect goes to any ring that has room`() throws {
    let driver = try Driver(rings: 3, outgoing: 2)
    let sockets = try (0..<6).map { _ in try #require(driver.connect()) }
    #expect(Set(sockets.map(\.ring)) == [0, 1, 2] && Set(sockets).count == 6)
    #expect(driver.connect() == nil)
    #expect(driver.connect(to: driver.endpoint, beside: sockets[0]) == nil)
    #expect(driver.take(6, .backendConnect).allSatisfy { $0.result == 0 })
  }

  @Test func `paused, it leaves clients to the kernel, and stopped, it refuses them`() throws {
    let driver = try Driver()
    driver.engine.pauseAccepting(listener: 0)
    driver.settle()
    let client = try OrdinaryClient(to: driver.endpoint)
    driver.settle()
    #expect(driver.seenCount(.accept) == 0)
    driver.engine.resumeAccepting(listener: 0)
    let accepted = try #require(driver.next(.accept))
    #expect(accepted.more)
    driver.engine.stopAccepting(listener: 0)
    driver.settle()
    #expect(throws: SocketFailure.self) { try OrdinaryClient(to: driver.endpoint) }
    try driver.close(accepted.socket)
    #expect(client.read(1) == [])
    let again = try Socket.listen(on: driver.endpoint, backlog: 8)
    driver.engine.startAccepting(listener: 0, descriptors: [again])
    let (_, socket) = try driver.accept()
    try driver.close(socket)
  }

  @Test func `one ring does as long as its table has room, and several beyond`() {
    let limit = 20000
    #expect(UringEngine.Layout.ringCount(connections: 9900, slotLimit: limit) == 1)
    #expect(UringEngine.Layout.ringCount(connections: 10000, slotLimit: limit) == 2)
    for connections in [1, 1000, 9936, 50_000, 200_000] {
      let layout = UringEngine.Layout(connections: connections, slotLimit: limit)
      #expect(layout.ringCount * layout.outgoingSlots >= connections)
      #expect(layout.ringCount * layout.acceptedSlots >= connections)
      #expect(layout.acceptedSlots + layout.outgoingSlots <= limit)
    }
  }
}
