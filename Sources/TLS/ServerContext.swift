internal import Basics
internal import COpenSSL

/// An SSL_CTX that serves these certificates (one of each kind of key) under the configuration's rules.
/// - Parameter identity: what its sessions are bound to; the same in all of a listener's, since OpenSSL looks at a
///   ticket before it knows the server name.
func makeServerContext(
  _ configuration: TLSConfiguration, _ certificates: [LoadedCertificate], _ clients: ClientAuthorities?,
  identity: [UInt8], _ library: TLSLibrary
) throws(TLSError) -> OpaquePointer {
  guard let context = SSL_CTX_new_ex(library.context, nil, TLS_server_method()) else {
    throw .library("make an SSL context")
  }
  do throws(TLSError) {
    try setRules(configuration, identity, context)
    try clients?.apply(to: context, identity: identity)
    for certificate in certificates { try use(certificate, configuration, context) }
  } catch {
    SSL_CTX_free(context)
    throw error
  }
  return context
}

private func setRules(
  _ configuration: TLSConfiguration, _ identity: [UInt8], _ context: OpaquePointer
) throws(TLSError) {
  let minimum = configuration.minimumVersion == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION
  guard shim_SSL_CTX_set_min_proto_version(context, minimum) == 1,
    shim_SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1,
    SSL_CTX_set_session_id_context(context, identity, UInt32(identity.count)) == 1
  else { throw .library("set its rules") }
  try setAlgorithms(configuration, context)
  _ = SSL_CTX_set_options(context, shim_SSL_OP_NO_COMPRESSION() | shim_SSL_OP_NO_RENEGOTIATION())
  if configuration.recordLayer == .tidegate {
    // AES-128-GCM comes first: the record layer's state is smallest with it, its records cost least, and
    // SHA-256 has instructions of its own on most machines. A client without AES in hardware gets ChaCha20
    // all the same.
    _ = SSL_CTX_set_options(context, shim_SSL_OP_CIPHER_SERVER_PREFERENCE() | shim_SSL_OP_PRIORITIZE_CHACHA())
  }
  // Idle connections hold no buffers; what a write took stays taken; a retried write may come from elsewhere;
  // a certificate without a chain goes as it is, instead of OpenSSL looking for one at each handshake.
  _ = shim_SSL_CTX_set_mode(
    context,
    Int(
      SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
        | SSL_MODE_NO_AUTO_CHAIN))
  // Tickets carry the session, so there is nothing to store.
  _ = shim_SSL_CTX_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
  _ = SSL_CTX_set_num_tickets(context, 1)
  _ = SSL_CTX_set_timeout(context, configuration.ticketSeconds)
}

private func use(
  _ certificate: LoadedCertificate, _ configuration: TLSConfiguration, _ context: OpaquePointer
) throws(TLSError) {
  let name = configuration.certificates[certificate.index].certificate.name
  func unusable() -> TLSError {
    TLSError(.unusable, "\(name): the certificate can't be served (\(TLSError.takeReason()))")
      .about(.certificate(certificate.index))
  }
  guard SSL_CTX_use_certificate(context, certificate.leaf) == 1,
    SSL_CTX_use_PrivateKey(context, certificate.key) == 1
  else { throw unusable() }
  for link in certificate.chain {
    guard shim_SSL_CTX_add1_chain_cert(context, link) == 1 else { throw unusable() }
  }
}
