internal import COpenSSL

/// Puts the configuration's algorithms in force, each list as a whole.
func setAlgorithms(_ configuration: TLSConfiguration, _ context: OpaquePointer) throws(TLSError) {
  let signatures = configuration.signatureAlgorithms
  try set("ciphers", .ciphers(0), configuration.ciphers) { SSL_CTX_set_cipher_list(context, $0) == 1 }
  try set("cipher suites", .cipherSuites(0), configuration.cipherSuites) {
    SSL_CTX_set_ciphersuites(context, $0) == 1
  }
  try set("groups", .groups(0), configuration.groups) { shim_SSL_CTX_set1_groups_list(context, $0) == 1 }
  guard !signatures.isEmpty else { return }
  try set("signature algorithms", .signatureAlgorithms(0), signatures) {
    shim_SSL_CTX_set1_sigalgs_list(context, $0) == 1
  }
}

private func set(
  _ noun: String, _ subject: TLSError.Subject, _ words: [String], _ set: (String) -> Bool
) throws(TLSError) {
  guard !set(words.joined(separator: ":")) else { return }
  throw TLSError(.unknownWord, "OpenSSL refuses this list of \(noun) (\(TLSError.takeReason()))")
    .about(subject)
}

/// Asks OpenSSL about each word by itself, since of a whole list it says no more than that something is wrong,
/// and in a list of ciphers passes over what it doesn't know.
func checkAlgorithms(_ configuration: TLSConfiguration, _ library: TLSLibrary) throws(TLSError) {
  guard let context = SSL_CTX_new_ex(library.context, nil, TLS_server_method()) else {
    throw .library("make an SSL context")
  }
  defer { SSL_CTX_free(context) }
  for (index, list) in configuration.ciphers.enumerated() {
    try check("cipher", .ciphers(index), list.split { ":, ".contains($0) }.map(String.init)) {
      isCipher($0, context)
    }
  }
  for (index, word) in configuration.cipherSuites.enumerated() {
    let known = TLSConfiguration.knownCipherSuites
    try check("cipher suite", .cipherSuites(index), [word], known) { known.contains($0) }
  }
  for (index, word) in configuration.groups.enumerated() {
    let known = ["X25519", "P-256", "P-384", "P-521", "X448"]
    try check("group", .groups(index), [word], known) { shim_SSL_CTX_set1_groups_list(context, $0) == 1 }
  }
  for (index, word) in configuration.signatureAlgorithms.enumerated() {
    let known = ["ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256"]
    try check("signature algorithm", .signatureAlgorithms(index), [word], known) {
      shim_SSL_CTX_set1_sigalgs_list(context, $0) == 1
    }
  }
}

/// - Parameter examples: what might have been meant.
private func check(
  _ noun: String, _ subject: TLSError.Subject, _ words: [String], _ examples: [String] = [],
  _ isKnown: (String) -> Bool
) throws(TLSError) {
  for word in words where !isKnown(word) {
    ERR_clear_error()
    let hint = examples.isEmpty ? "" : "; there are " + examples.joined(separator: ", ")
    throw TLSError(.unknownWord, "no \(noun) is named \"\(word)\"\(hint)").about(subject)
  }
}

/// A word of a cipher list: a cipher or a group of them, or an instruction. What is excluded need not exist.
private func isCipher(_ word: String, _ context: OpaquePointer) -> Bool {
  if word.hasPrefix("!") || word.hasPrefix("-") { return word.utf8.count > 1 }
  if word.hasPrefix("@") { return SSL_CTX_set_cipher_list(context, "ALL:" + word) == 1 }
  return SSL_CTX_set_cipher_list(context, String(word.drop { $0 == "+" })) == 1
}
