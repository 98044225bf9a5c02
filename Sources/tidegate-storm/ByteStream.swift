import COpenSSL
import Glibc

/// The bytes of one socket, plain or through TLS.
final class ByteStream {
  enum Progress: Equatable {
    case bytes(Int)
    case blocked
    /// The peer's close_notify; after it, `read` goes on with the socket itself, to see the FIN.
    case closeNotify
    /// The peer's FIN. `orderly` is false when TLS was cut off without a close_notify.
    case finished(orderly: Bool)
    case reset
    case failed(String)
  }

  let descriptor: Int32
  private var ssl: OpaquePointer?
  private var box: SessionBox?
  private var closeNotifySent = false
  /// True exactly when the peer has said on TLS that it is done.
  private(set) var closeNotifySeen = false

  /// Takes the socket over.
  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Prepares TLS, once the socket is connected: a refused client has spent nothing on it then.
  ///
  /// `box` takes the sessions that the server gives; what it holds is offered if `resume`.
  func secure(_ tls: TLSClientContext, serverName: String, box: SessionBox?, resume: Bool) {
    self.box = box
    ssl = SSL_new(tls.pointer)
    guard let ssl else { return }
    SSL_set_fd(ssl, descriptor)
    SSL_set_connect_state(ssl)
    serverName.withCString { _ = SSL_ctrl(ssl, 55, 0, UnsafeMutableRawPointer(mutating: $0)) }  // server name
    if let box {
      SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(box).toOpaque())
      if resume { box.offer(on: ssl) }
    }
  }

  deinit {
    if let ssl { SSL_free(ssl) }
    close(descriptor)
  }

  var isTLS: Bool { ssl != nil }
  var isResumed: Bool { ssl.map { SSL_session_reused($0) == 1 } ?? false }

  /// `.bytes(0)` when TLS is established, at once without TLS.
  func handshake() -> Progress {
    guard let ssl else { return .bytes(0) }
    ERR_clear_error()
    errno = 0
    let result = SSL_do_handshake(ssl)
    return result == 1 ? .bytes(0) : reason(ssl, result)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> Progress {
    guard let ssl, !closeNotifySeen else { return readSocket(into: buffer) }
    ERR_clear_error()
    errno = 0
    let count = SSL_read(ssl, buffer.baseAddress, Int32(clamping: buffer.count))
    if count > 0 { return .bytes(Int(count)) }
    let progress = reason(ssl, count)
    if progress == .closeNotify { closeNotifySeen = true }
    return progress
  }

  func write(_ bytes: UnsafeRawBufferPointer) -> Progress {
    guard let ssl else {
      return progress(send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)))
    }
    ERR_clear_error()
    errno = 0
    let count = SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count))
    return count > 0 ? .bytes(Int(count)) : reason(ssl, count)
  }

  /// Sends the close_notify, once.
  func sendCloseNotify() {
    guard let ssl, !closeNotifySent, SSL_is_init_finished(ssl) == 1 else { return }
    closeNotifySent = true
    ERR_clear_error()
    SSL_shutdown(ssl)
  }

  /// Sends the FIN: nothing more will come from us.
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  private func readSocket(into buffer: UnsafeMutableRawBufferPointer) -> Progress {
    let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
    return count == 0 ? .finished(orderly: true) : progress(count)
  }

  private func progress(_ count: Int) -> Progress {
    if count >= 0 { return .bytes(count) }
    switch errno {
    case EAGAIN, EINTR: return .blocked
    case ECONNRESET, EPIPE: return .reset
    default: return .failed(String(cString: strerror(errno)))
    }
  }

  private func reason(_ ssl: OpaquePointer, _ result: Int32) -> Progress {
    switch SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .blocked
    case SSL_ERROR_ZERO_RETURN: return .closeNotify
    case SSL_ERROR_SYSCALL: return errno == 0 ? .finished(orderly: false) : progress(-1)
    default: return failure()
    }
  }

  private func failure() -> Progress {
    let code = ERR_get_error()
    // SSL_R_UNEXPECTED_EOF_WHILE_READING
    if code & 0x7f_ffff == 294 { return .finished(orderly: false) }
    return .failed(ERR_reason_error_string(code).map { String(cString: $0) } ?? "TLS error \(code)")
  }
}
