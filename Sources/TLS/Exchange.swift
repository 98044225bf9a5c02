internal import COpenSSL

/// Where OpenSSL reads from and writes to during one call of ours.
///
/// OpenSSL runs only inside our calls, one at a time on a worker's thread. So one BIO serves every
/// connection of a worker: before a call it is pointed at that connection's bytes, afterwards at nothing.
/// No connection has memory of its own for bytes under way, and none are copied from one place of ours to
/// another.
struct Exchange {
  var input: UnsafeRawPointer?
  var inputLeft = 0
  var output: UnsafeMutableRawPointer?
  var outputLeft = 0
  /// Whose call this is, for the callbacks; unretained, as the caller holds it.
  var context: Unmanaged<TLSContext>?
  /// Tickets that were made during this call.
  var ticketsMade = 0

  /// The exchange of the connection that OpenSSL calls back about.
  static func of(_ ssl: OpaquePointer?) -> UnsafeMutablePointer<Exchange>? {
    BIO_get_data(SSL_get_rbio(ssl))?.assumingMemoryBound(to: Exchange.self)
  }
}

/// The kind of BIO whose data is an `Exchange`; one for the process, never freed.
nonisolated(unsafe) let exchangeMethod: OpaquePointer? = {
  guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "exchange") else { return nil }
  BIO_meth_set_create(method) { bio in
    BIO_set_init(bio, 1)
    return 1
  }
  BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
  BIO_meth_set_read(method) { bio, buffer, count in
    guard let exchange = BIO_get_data(bio)?.assumingMemoryBound(to: Exchange.self), let buffer else {
      return -1
    }
    shim_BIO_clear_retry_flags(bio)
    let taken = min(Int(count), exchange.pointee.inputLeft)
    guard taken > 0, let input = exchange.pointee.input else {
      shim_BIO_set_retry_read(bio)
      return -1
    }
    UnsafeMutableRawPointer(buffer).copyMemory(from: input, byteCount: taken)
    exchange.pointee.input = input + taken
    exchange.pointee.inputLeft -= taken
    return Int32(truncatingIfNeeded: taken)
  }
  BIO_meth_set_write(method) { bio, bytes, count in
    guard let exchange = BIO_get_data(bio)?.assumingMemoryBound(to: Exchange.self), let bytes else {
      return -1
    }
    shim_BIO_clear_retry_flags(bio)
    let taken = min(Int(count), exchange.pointee.outputLeft)
    guard taken > 0, let output = exchange.pointee.output else {
      shim_BIO_set_retry_write(bio)
      return -1
    }
    output.copyMemory(from: bytes, byteCount: taken)
    exchange.pointee.output = output + taken
    exchange.pointee.outputLeft -= taken
    return Int32(truncatingIfNeeded: taken)
  }
  return method
}()
