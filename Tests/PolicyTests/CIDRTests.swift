import Basics
import Policy
import Testing

@Suite struct CIDRTests {
  @Test(arguments: [
    ("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.7", "192.0.2.7/32"), ("0.0.0.0/0", "0.0.0.0/0"),
    ("::1", "::1/128"), ("::/0", "::/0"), ("2001:db8::/32", "2001:db8::/32"),
    ("::ffff:10.1.0.0/112", "10.1.0.0/16"), ("255.255.255.255/32", "255.255.255.255/32"),
  ])
  func blocksAreReadAndWritten(text: String, written: String) throws {
    #expect(try CIDR(text).description == written)
  }

  @Test(arguments: [
    ("", "\"\" is no IP address, such as 10.0.0.0/8 or 2001:db8::/32"),
    ("10.0.0/8", "\"10.0.0\" is no IP address, such as 10.0.0.0/8 or 2001:db8::/32"),
    ("10.0.0.0/33", "\"33\" is no prefix length from 0 to 32"),
    ("10.0.0.0/", "\"\" is no prefix length from 0 to 32"),
    ("10.0.0.0/+8", "\"+8\" is no prefix length from 0 to 32"),
    ("10.0.0.0/8/9", "\"8/9\" is no prefix length from 0 to 32"),
    ("::/129", "\"129\" is no prefix length from 0 to 128"),
    ("10.1.2.3/8", "10.1.2.3/8 has bits set behind its prefix; did you mean 10.0.0.0/8?"),
    ("2001:db8::1/64", "2001:db8::1/64 has bits set behind its prefix; did you mean 2001:db8::/64?"),
    ("1.2.3.4/0", "1.2.3.4/0 has bits set behind its prefix; did you mean 0.0.0.0/0?"),
  ])
  func whatIsNoBlockIsToldWhy(text: String, message: String) {
    let error = #expect(throws: CIDRError.self) { try CIDR(text) }
    #expect(error?.description == message)
  }
}
