internal import COpenSSL

/// The DNS names that a certificate is for: its subject alternative names, or the common name when it has
/// none (RFC 6125 section 6.4.4). Lower case, without repetition, in order.
func serverNames(of certificate: OpaquePointer) -> [String] {
  var names = alternativeNames(of: certificate)
  if names.isEmpty, let name = commonName(of: certificate) { names = [name] }
  var seen = Set<String>()
  return names.filter { seen.insert($0).inserted }
}

private func alternativeNames(of certificate: OpaquePointer) -> [String] {
  guard let extensions = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return [] }
  let stack = OpaquePointer(extensions)
  defer { GENERAL_NAMES_free(stack) }
  var names: [String] = []
  for index in 0..<OPENSSL_sk_num(stack) {
    guard let item = OPENSSL_sk_value(stack, index) else { continue }
    var kind: Int32 = 0
    let value = GENERAL_NAME_get0_value(item.assumingMemoryBound(to: GENERAL_NAME.self), &kind)
    guard kind == GEN_DNS, let value else { continue }
    if let name = text(of: value.assumingMemoryBound(to: ASN1_STRING.self)) { names.append(name) }
  }
  return names
}

private func commonName(of certificate: OpaquePointer) -> String? {
  let subject = X509_get_subject_name(certificate)
  let index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
  guard index >= 0, let value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)) else {
    return nil
  }
  return text(of: value)
}

/// A name fit for comparison with what clients send; nil for one with spaces, zeroes or anything but ASCII.
private func text(of value: UnsafePointer<ASN1_STRING>) -> String? {
  let bytes = UnsafeBufferPointer(start: ASN1_STRING_get0_data(value), count: Int(ASN1_STRING_length(value)))
  guard !bytes.isEmpty, bytes.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
  return String(decoding: bytes, as: UTF8.self).lowercased()
}
