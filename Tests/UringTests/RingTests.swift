import Basics
import CUring
import Glibc
import Testing

@testable import Uring

@Suite struct RingTests {
  private static func size(_ submissions: Int, _ completions: Int, slots: Int = 0) -> Ring.Size {
    var size = Ring.Size()
    size.submissions = submissions
    size.completions = completions
    size.slots = slots
    size.acceptedSlots = slots / 2
    return size
  }

  /// Enters until `count` completions have come, and all that come with them.
  private static func entries(of ring: inout Ring, count: Int) -> [Ring.Entry] {
    var entries: [Ring.Entry] = []
    var tries = 0
    while tries < 3 {
      ring.enter(waitFor: entries.count < count ? 1 : 0, nanoseconds: 2_000_000_000)
      ring.findEntries()
      while let entry = ring.nextEntry() { entries.append(entry) }
      ring.releaseEntries()
      if entries.count >= count { tries += 1 }
      if !ring.hasEntries, entries.isEmpty { return [] }
    }
    return entries
  }

  @Test func `a full submission queue is handed over, and completions without room are kept`() throws {
    var ring = try Ring(Self.size(4, 8))
    for number in 0..<100 { ring.cancel(1 << 60, userData: UInt64(number)) }
    let handedOver = ring.fullCount
    #expect(handedOver >= 24)
    let entries = Self.entries(of: &ring, count: 100)
    #expect(entries.map(\.userData).sorted() == (0..<100).map { UInt64($0) })
    #expect(entries.allSatisfy { $0.result == 0 })
  }

  @Test func `a chain whose first link fails posts that failure, and nothing else`() throws {
    var ring = try Ring(Self.size(8, 16, slots: 4))
    var storage = SocketAddress(.ip(.init(ipv4: 0x7f00_0001), port: 9)).storage
    storage.ss_family = 999
    ring.connect(3, to: SocketAddress(storage: storage, length: 16), userData: 5)
    ring.close(3, userData: 6)
    let entries = Self.entries(of: &ring, count: 2)
    #expect(entries.map(\.userData).sorted() == [5, 6])
    #expect(entries.first { $0.userData == 5 }?.result == -EAFNOSUPPORT)
    #expect(entries.first { $0.userData == 6 }?.result == -EBADF)
  }

  @Test func `a connect that is followed acknowledges late, until it is to acknowledge promptly`() throws {
    var ring = try Ring(Self.size(8, 16, slots: 4))
    let listener = try Socket.listen(on: .ip(.init(ipv4: 0x7f00_0001), port: 0), backlog: 8)
    defer { Glibc.close(listener) }
    let endpoint = try #require(Socket.boundEndpoint(of: listener))
    ring.connect(2, to: SocketAddress(endpoint), isFollowed: true, userData: 5)
    let byte = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
    byte[0] = 7
    defer { byte.deallocate() }
    ring.send(2, UnsafeRawBufferPointer(byte), isLast: false, userData: 6)
    #expect(Self.entries(of: &ring, count: 1).map(\.userData) == [6])
    ring.install(2, userData: 7)
    let descriptor = try #require(Self.entries(of: &ring, count: 1).first).result
    defer { Glibc.close(descriptor) }
    #expect(Self.acknowledgesPromptly(descriptor) == 0)
    ring.acknowledgePromptly(2, userData: 8)
    #expect(Self.entries(of: &ring, count: 0).isEmpty)
    #expect(Self.acknowledgesPromptly(descriptor) == 1)
    ring.acknowledgePromptly(3, userData: 9)
    #expect(Self.entries(of: &ring, count: 1).map(\.userData) == [9])
  }

  private static func acknowledgesPromptly(_ descriptor: Int32) -> Int32 {
    var (value, length) = (Int32(-1), socklen_t(4))
    getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_QUICKACK, &value, &length)
    return value
  }

  @Test func `a chain reaches the kernel whole, however full the queue is`() throws {
    var ring = try Ring(Self.size(4, 16, slots: 4))
    let listener = try Socket.listen(on: .ip(.init(ipv4: 0x7f00_0001), port: 0), backlog: 8)
    defer { Glibc.close(listener) }
    let endpoint = try #require(Socket.boundEndpoint(of: listener))
    for filled in 0..<4 {
      for _ in 0..<filled { ring.cancel(1 << 60, userData: 0) }
      ring.connect(2, to: SocketAddress(endpoint), userData: 5)
      let connected = Self.entries(of: &ring, count: filled + 1)
      #expect(connected.count == filled + 1 && connected.first { $0.userData == 5 }?.result == 0)
      for _ in 0..<filled { ring.cancel(1 << 60, userData: 0) }
      ring.closeWithReset(2, userData: 6, ignored: 7)
      let entries = Self.entries(of: &ring, count: filled + 1)
      #expect(entries.count == filled + 1 && entries.first { $0.userData == 6 }?.result == 0)
    }
  }

  @Test func `an enter waits no longer than told`() throws {
    var ring = try Ring(Self.size(4, 8))
    var start = timespec()
    var end = timespec()
    clock_gettime(CLOCK_MONOTONIC, &start)
    ring.enter(waitFor: 1, nanoseconds: 5_000_000)
    clock_gettime(CLOCK_MONOTONIC, &end)
    let waited = (end.tv_sec - start.tv_sec) * 1_000_000_000 + end.tv_nsec - start.tv_nsec
    #expect(waited >= 5_000_000)
    let hasEntries = ring.hasEntries
    #expect(!hasEntries)
  }
}
