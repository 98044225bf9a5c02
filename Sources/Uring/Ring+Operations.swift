public import CUring

/// The operations. Each is prepared here and handed to the kernel by the next enter; `slot` is a direct
/// descriptor, and `userData` comes back with the completion.
extension Ring {
  @inlinable mutating func claim() -> Int {
    reserve(1)
    return Int(curing_claim(raw))
  }

  @inlinable func entry(_ index: Int) -> UnsafeMutablePointer<io_uring_sqe> { raw.pointee.sq.sqes + index }

  /// Accepts one client into a direct descriptor of the kernel's choice; its slot is the result.
  /// - Parameters:
  ///   - peer: where the kernel writes who it is; until then the kernel's.
  ///   - waits: nobody is likely to be there already. Saves an attempt, where `Ring.acceptsWithoutAttempt`.
  public mutating func accept(
    from descriptor: Int32, peer: UnsafeMutablePointer<SocketAddress>, waits: Bool, userData: UInt64
  ) {
    peer.pointee = SocketAddress()
    let (address, length) = (peer.pointer(to: \.storage)!, peer.pointer(to: \.length)!)
    curing_accept(entry(claim()), descriptor, address, length, waits, userData)
  }

  /// True exactly when the kernel knows IORING_ACCEPT_POLL_FIRST: Linux 6.10.
  public static func acceptsWithoutAttempt(release: String = kernelRelease()) -> Bool {
    isAtLeast((6, 10), release)
  }

  /// Receives into a buffer of the group's ring: what is there, which doesn't break a chain however little it
  /// is. So nothing is ever linked behind a receive.
  /// - Parameter multishotLimit: goes on by itself until so many bytes have come, where
  ///   `Ring.boundsMultishotReceives`; 0 receives once.
  @inlinable public mutating func receive(
    _ slot: UInt32, group: UInt16, multishotLimit: UInt32, userData: UInt64
  ) {
    curing_receive(entry(claim()), slot, group, multishotLimit, userData)
  }

  /// True exactly when the kernel can end a multishot receive after a number of bytes: Linux 6.17.
  public static func boundsMultishotReceives(release: String = kernelRelease()) -> Bool {
    isAtLeast((6, 17), release)
  }

  private static func isAtLeast(_ version: (Int, Int), _ release: String) -> Bool {
    let numbers = release.split(separator: ".").prefix(2).map { Int($0.prefix { $0.isNumber }) ?? 0 }
    return numbers.count == 2 && (numbers[0], numbers[1]) >= version
  }

  /// Sends all of it or an error, without SIGPIPE. Two sends at once on a socket would interleave when they
  /// block: one at a time. The bytes stay as they are until the completion.
  /// - Parameter isLast: what doesn't fill a segment may wait for the FIN that follows (MSG_MORE).
  @inlinable public mutating func send(
    _ slot: UInt32, _ bytes: UnsafeRawBufferPointer, isLast: Bool, userData: UInt64
  ) {
    let count = UInt32(truncatingIfNeeded: bytes.count)
    curing_send(entry(claim()), slot, bytes.baseAddress, count, isLast, userData)
  }

  /// Pieces that `sendGathered` takes at most.
  public static var gatherLimit: Int { CURING_GATHER }

  /// Sends several pieces at once, like `send`. `next` gives them, and nil at the end.
  /// - Returns: how many pieces were taken.
  @inlinable public mutating func sendGathered(
    _ slot: UInt32, isLast: Bool, userData: UInt64, next: () -> UnsafeRawBufferPointer?
  ) -> Int {
    let index = claim()
    var count: UInt32 = 0
    while count < CURING_GATHER, let piece = next() {
      curing_set_vector(operands + index, count, piece.baseAddress, piece.count)
      count += 1
    }
    curing_send_gathered(entry(index), slot, operands + index, count, isLast, userData)
    return Int(count)
  }

  /// Opens a socket in an empty slot and connects it. There is one completion: the first failure, or success.
  ///
  /// The links before the last post only when they fail, and then the kernel posts none for the links behind.
  /// - Parameter isFollowed: the next operation prepared is a send on it: the last link, with a completion of its own. The
  ///   server's SYN-ACK is acknowledged with its bytes; `acknowledgePromptly` is due then.
  public mutating func connect(
    _ slot: UInt32, to address: SocketAddress, isFollowed: Bool = false, userData: UInt64
  ) {
    reserve(isFollowed ? 5 : 3)
    let quiet = curing_link | curing_skip_success
    curing_socket(entry(claim()), slot, Int32(address.family), quiet, userData)
    if address.isIP { curing_set_no_delay(entry(claim()), slot, quiet, userData) }
    if address.isIP && isFollowed { curing_set_late_ack(entry(claim()), slot, quiet, userData) }
    let index = claim()
    operands[index].address = address.storage
    curing_connect(
      entry(index), slot, operands + index, address.length, isFollowed ? quiet : 0, userData)
  }

  /// Has what the peer sends acknowledged as usual, after a connect that was followed.
  /// - Parameter userData: of a completion that comes only if it fails.
  public mutating func acknowledgePromptly(_ slot: UInt32, userData: UInt64) {
    curing_set_prompt_ack(entry(claim()), slot, curing_skip_success, userData)
  }

  /// Always done by a kernel thread of its own: see `install` for a cheaper way.
  @inlinable public mutating func shutdown(_ slot: UInt32, userData: UInt64) {
    curing_shutdown(entry(claim()), slot, userData)
  }

  /// Frees the slot. An operation in flight keeps the socket alive, and an armed receive goes on receiving:
  /// cancel it first, or shut the socket down.
  @inlinable public mutating func close(_ slot: UInt32, userData: UInt64) {
    curing_close(entry(claim()), slot, userData)
  }

  /// Closes with an RST.
  /// - Parameter ignored: the user data of a completion that comes only if there is no socket in the slot.
  public mutating func closeWithReset(_ slot: UInt32, userData: UInt64, ignored: UInt64) {
    reserve(2)
    // A hard link: the slot is closed whatever comes of the option.
    curing_set_abort(entry(claim()), slot, curing_hard_link | curing_skip_success, ignored)
    curing_close(entry(claim()), slot, userData)
  }

  /// Cancels all operations with the user data `target`; the result is their number.
  @inlinable public mutating func cancel(_ target: UInt64, userData: UInt64) {
    curing_cancel(entry(claim()), target, 0, userData)
  }

  /// Makes an ordinary descriptor for the socket, besides the direct one; the result is its number.
  @inlinable public mutating func install(_ slot: UInt32, userData: UInt64) {
    curing_install(entry(claim()), slot, userData)
  }

  /// Reads from an ordinary descriptor, which must be a blocking one to be waited for.
  public mutating func read(_ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer, userData: UInt64)
  {
    curing_read(entry(claim()), descriptor, bytes.baseAddress, UInt32(bytes.count), userData)
  }
}
