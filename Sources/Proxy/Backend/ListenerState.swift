internal import Basics
internal import Policy
public import Settings
internal import TLS
internal import Telemetry

/// A listener as the workers see it: its settings, TLS contexts, and routes ready for comparing bytes.
public final class ListenerState: Sendable {
  public let settings: Settings.Listener
  /// Known apart from the settings: those are copied to be looked at.
  let isTLS: Bool
  /// What its certificates lead to; nil on a plain listener.
  let certificateKinds: HandshakeClass.Certificates?
  /// A block per worker, written by that worker alone.
  let counters: [CounterBlock<ListenerCounter>]
  /// One per worker; nil on a plain listener. A context is used by its worker's thread alone.
  nonisolated(unsafe) let contexts: [TLSContext?]
  let defaultPool: PoolState?
  /// Its place among the admission's gates, for good.
  let number: Int
  /// Its connection rate, and who waits for it.
  let gate: AdmissionGate
  let live: LiveConnections
  let rules: AddressRules
  /// Peers whose PROXY header is believed; nil where none is expected.
  let proxySources: AddressSet?
  /// True exactly when some pool of its routes wants to be introduced to its clients by a PROXY header.
  let introduces: Bool
  /// And by one that has room for more than addresses.
  let introducesInParts: Bool
  private let routes: [CompiledRoute]

  init(
    _ settings: Settings.Listener, pools: [PoolState], contexts: [TLSContext?], workers: Int,
    number: Int, continuing old: ListenerState?
  ) {
    func pool(named name: String?) -> PoolState? { pools.first { $0.settings.name == name } }
    self.settings = settings
    isTLS = settings.tls != nil
    self.contexts = contexts
    certificateKinds = (contexts.first ?? nil).map(HandshakeClass.Certificates.init)
    counters = old?.counters ?? (0..<workers).map { _ in CounterBlock() }
    self.number = number
    gate =
      old?.gate
      ?? AdmissionGate(RateLimit(settings.connectionRate, burst: settings.connectionBurst), workers: workers)
    live = old?.live ?? LiveConnections()
    rules = AddressRules(allow: settings.allow, deny: settings.deny)
    proxySources = settings.proxyProtocol.map { AddressSet($0.from) }
    defaultPool = pool(named: settings.pool)
    routes = settings.routes.compactMap { route in pool(named: route.pool).map { CompiledRoute(route, $0) } }
    let versions = (routes.map(\.pool) + [defaultPool].compactMap(\.self)).map(\.settings.proxyProtocol)
    introduces = versions.contains { $0 != nil }
    introducesInParts = versions.contains(.v2)
  }

  /// The pool for a request: the first route that matches, or else the listener's pool.
  func route(host: Range<Int>?, path: Range<Int>, in head: Span<UInt8>) -> PoolState? {
    for route in routes where route.matches(host: host, path: path, in: head) { return route.pool }
    return defaultPool
  }
}

/// A route with its host and path as bytes.
struct CompiledRoute {
  /// Lower case; with `isWildcard` the suffix that begins with a dot.
  private let host: [UInt8]?
  private let isWildcard: Bool
  private let path: [UInt8]?
  let pool: PoolState

  init(_ route: Settings.Route, _ pool: PoolState) {
    let name = route.host?.lowercased()
    let isWildcard = name?.hasPrefix("*.") ?? false
    host = name.map { Array($0.dropFirst(isWildcard ? 1 : 0).utf8) }
    self.isWildcard = isWildcard
    path = route.path.map { Array($0.utf8) }
    self.pool = pool
  }

  func matches(host range: Range<Int>?, path: Range<Int>, in head: Span<UInt8>) -> Bool {
    if let host {
      guard let range, matches(host: host, range, in: head) else { return false }
    }
    guard let prefix = self.path else { return true }
    return hasPrefix(prefix, path, in: head)
  }

  private func matches(host: [UInt8], _ range: Range<Int>, in head: Span<UInt8>) -> Bool {
    guard isWildcard ? range.count > host.count : range.count == host.count else { return false }
    let start = range.upperBound - host.count
    for index in 0..<host.count where lowercase(head[start + index]) != host[index] { return false }
    return true
  }

  /// A prefix that ends where a segment ends: `/ws` takes `/ws` and `/ws/a`, not `/wsx`.
  private func hasPrefix(_ prefix: [UInt8], _ path: Range<Int>, in head: Span<UInt8>) -> Bool {
    guard path.count >= prefix.count else { return false }
    for index in 0..<prefix.count where head[path.lowerBound + index] != prefix[index] { return false }
    let slash = UInt8(ascii: "/")
    return path.count == prefix.count || prefix.last == slash || head[path.lowerBound + prefix.count] == slash
  }

  private func lowercase(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 0x20 : byte }
}

extension HandshakeClass.Certificates {
  init(_ context: TLSContext) {
    self = context.hasECDSA ? .ecdsa : []
    // Keys of a third kind are counted there, too.
    if context.hasRSA || !context.hasECDSA { insert(.rsa) }
  }
}
