import Basics
import Glibc
import Testing

@testable import Uring

@Suite struct BufferRingTests {
  @Test func `takes from the pool up to the target, and leaves the reserve`() throws {
    var pool = BufferPool(count: 20)
    let ring = try Ring(Ring.Size())
    var provided = try BufferRing(on: ring, capacity: 16, poolCount: 20)
    provided.refill(from: &pool, target: 8, reserve: 2)
    #expect(provided.count == 8 && pool.freeCount == 12)
    for _ in 0..<9 { _ = pool.take() }
    provided.refill(from: &pool, target: 16, reserve: 2)
    #expect(provided.count == 9 && pool.freeCount == 2)
    provided.refill(from: &pool, target: 16, reserve: 2)
    #expect(provided.count == 9)
  }

  @Test func `what the kernel fills lies behind the head room, and what it has comes back at the end`() throws
  {
    var pool = BufferPool(count: 8)
    var size = Ring.Size()
    size.slots = 2
    size.acceptedSlots = 1
    var ring = try Ring(size)
    var provided = try BufferRing(on: ring, capacity: 8, poolCount: 8)
    provided.refill(from: &pool, target: 4, reserve: 0)
    let listener = try Socket.listen(on: .ip(.init(ipv4: 0x7f00_0001), port: 0), backlog: 8)
    defer { Glibc.close(listener) }
    let client = try connected(to: try #require(Socket.boundEndpoint(of: listener)))
    defer { Glibc.close(client) }
    let peer = UnsafeMutablePointer<SocketAddress>.allocate(capacity: 1)
    defer { peer.deallocate() }
    ring.accept(from: listener, peer: peer, waits: false, userData: 1)
    #expect(try next(&ring).result == 0)
    #expect(peer.pointee.endpoint == Socket.boundEndpoint(of: client))
    #expect(Glibc.write(client, "tide", 4) == 4)
    ring.receive(0, group: 0, multishotLimit: 0, userData: 2)
    let entry = try next(&ring)
    #expect(entry.result == 4 && entry.userData == 2 && !entry.more)
    let buffer = provided.take(try #require(entry.buffer))
    pool.setPayload(buffer, start: BufferPool.headRoom, count: 4)
    #expect(Array(pool.bytes(buffer)) == Array("tide".utf8))
    pool.give(buffer)
    #expect(provided.count == 3 && pool.freeCount == 5)
    provided.empty(into: &pool)
    #expect(provided.count == 0 && pool.freeCount == 8)
  }

  private func connected(to endpoint: Endpoint) throws -> Int32 {
    let address = SocketAddress(endpoint)
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let result = withUnsafePointer(to: address.storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, address.length) }
    }
    try #require(result == 0)
    return descriptor
  }

  private func next(_ ring: inout Ring) throws -> Ring.Entry {
    ring.enter(waitFor: 1, nanoseconds: 5_000_000_000)
    ring.findEntries()
    defer { ring.releaseEntries() }
    let entry = ring.nextEntry()
    return try #require(entry)
  }
}
