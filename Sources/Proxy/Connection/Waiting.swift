internal import Basics
internal import Settings

/// Phase 2: nothing is spent on a client before its first byte.
extension Worker where Engine: ~Copyable {
  mutating func startWaiting(_ c: ConnectionPointer) {
    let listener = c.pointee.listener
    if listener.settings.mode == .tcp && listener.settings.tls == nil {
      // The protocol may be one where the server speaks first.
      c.pointee.exchange = .stream
      return startConnecting(c, to: listener.defaultPool)
    }
    enter(c, .waiting, for: nil)
    clientHasBytes(c)
  }

  /// The first byte is here.
  mutating func continueWaiting(_ c: ConnectionPointer) {
    guard !c.pointee.client.received.isEmpty else { return closeIfAbandoned(c) }
    if c.pointee.isTLS {
      startHandshaking(c)
    } else {
      startUpgrading(c)
    }
  }
}
