public import Proxy
public import Settings

/// What the control plane wants of the data plane; tests put a proxy of their own behind it.
public protocol ProxyControlling: Sendable {
  func start() throws(ProxyError)
  func apply(_ settings: Settings) throws(ProxyError)
  func drain(window: Duration?)
  func stop()
  func waitUntilEnded()
  func snapshot() -> Snapshot
  func takeRecords(_ body: (ConnectionRecord) -> Void)
  func rotateTicketKeys()
  func ticketKeys() -> [TicketKeyList]
  func addTicketKey(_ key: String, toList place: Int) throws(ProxyError)
  func returnMemory()
  func clearMaxima()
}

extension ProxyServer: ProxyControlling {}
