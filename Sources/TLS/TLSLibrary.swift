internal import COpenSSL
internal import Glibc

/// A worker's OpenSSL: a library context of its own, so that workers don't contend for OpenSSL's locks, and
/// the one BIO of all its connections.
///
/// Belongs to one thread at a time. Contexts and sessions keep it alive.
public final class TLSLibrary {
  let context: OpaquePointer
  let exchange: UnsafeMutablePointer<Exchange>
  let bio: OpaquePointer
  /// What tickets are encrypted with: fetched once, as a fetch takes locks.
  let ticketCipher: OpaquePointer
  let ticketCiphers: TicketCiphers
  let records: RecordCiphers
  /// The key schedules of TLS 1.2 and 1.3, which give the traffic secrets to who wants them; key exchanges.
  let derivations: OpaquePointer
  /// Records that a key seals before it is replaced: AES-GCM's safe limit is 2^24.5 full ones (RFC 8446
  /// section 5.5).
  var recordsPerKey: UInt64 = 1 << 24
  /// Sessions of TLS 1.3 so far.
  var sessionsNamed: UInt64 = 0
  /// Sessions that live: each holds some 34 KiB during its handshake, half of it after.
  public internal(set) var sessionCount = 0

  public convenience init() throws(TLSError) { try self.init(aes: AESGCM()) }

  /// - Parameter aes: what AES-GCM's records are to be sealed and opened by.
  init(aes: AESGCM) throws(TLSError) {
    // Before OpenSSL's first allocation, or else it is in vain: as in tests, whose clients may come first.
    _ = copenssl_use_kept_memory()
    ERR_clear_error()
    guard let context = OSSL_LIB_CTX_new() else { throw .library("make a library context") }
    // Before all else: our provider has to be the context's first.
    let derivations = copenssl_add_kdfs(context)
    let cipher = EVP_CIPHER_fetch(context, "AES-256-CBC", nil)
    let bio = exchangeMethod.flatMap { BIO_new_ex(context, $0) }
    guard let derivations, let cipher, let bio, let records = RecordCiphers.make(context, aes),
      let ticketCiphers = TicketCiphers.make(cipher)
    else {
      let missing =
        derivations == nil
        ? "providers" : cipher == nil ? "AES-256-CBC" : bio == nil ? "BIOs" : "AEADs"
      let error = TLSError.library("load its \(missing)")
      Self.free(derivations, bio, cipher, context)
      throw error
    }
    exchange = .allocate(capacity: 1)
    exchange.initialize(to: Exchange())
    BIO_set_data(bio, exchange)
    self.context = context
    self.bio = bio
    ticketCipher = cipher
    self.ticketCiphers = ticketCiphers
    self.derivations = derivations
    self.records = records
  }

  deinit {
    exchange.deallocate()
    Self.free(derivations, bio, ticketCipher, context)
  }

  private static func free(
    _ derivations: OpaquePointer?, _ bio: OpaquePointer?, _ cipher: OpaquePointer?,
    _ context: OpaquePointer
  ) {
    copenssl_remove_kdfs(derivations)
    BIO_free(bio)
    EVP_CIPHER_free(cipher)
    OSSL_LIB_CTX_free(context)
  }

  /// Gives what this thread keeps for its next handshakes back to malloc. Small blocks would otherwise hold many
  /// pages that nothing else needs.
  public func giveBackKeptMemory() { copenssl_give_back_kept() }

  /// Gives whole pages that malloc has free, wherever they lie, back to the kernel. Any thread may call it; others
  /// that allocate wait meanwhile.
  public static func returnFreeMemory() { copenssl_return_free() }

  /// What handshakes of our own date tickets and judge OCSP responses with: the clock that OpenSSL reads for that,
  /// or another one for tests.
  var wallTime: () -> WallTime = { WallTime(seconds: Int64(time(nil))) }

  /// Random bytes for keys, from the generator that OpenSSL makes its private ones with.
  func fillPrivate(_ bytes: UnsafeMutableRawBufferPointer) -> Bool {
    RAND_priv_bytes_ex(context, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, 0) == 1
  }

  /// Random bytes fit for secrets.
  func fillRandom(_ bytes: UnsafeMutableRawBufferPointer) -> Bool {
    RAND_bytes_ex(context, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, 0) == 1
  }
}
