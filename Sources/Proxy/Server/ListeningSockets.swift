internal import Basics
internal import Glibc
internal import Settings
internal import Uring

/// The listening sockets of all workers: one per address and ring, so that the kernel spreads connections.
enum ListeningSockets {
  /// What waits in the kernel to be accepted; capped by net.core.somaxconn.
  static let backlog: Int32 = 65535

  /// Takes the sockets over that exist, opens those that don't; on failure closes what it opened.
  static func open(
    _ listeners: [ListenerState], limits: Settings.Limits, continuing old: [BoundListener], workers: Int,
    rings: Int,
    _ nextIndex: inout Int
  ) throws(ProxyError) -> [BoundListener] {
    var binds: [BoundListener] = []
    var opened: [Int32] = []
    for listener in listeners {
      for endpoint in listener.settings.bind {
        if let same = old.first(where: { $0.wanted == endpoint }) {
          binds.append(
            BoundListener(
              index: same.index, listener: listener, wanted: endpoint, bound: same.bound,
              descriptors: same.descriptors))
          continue
        }
        do throws(SocketError) {
          let sockets = try openAll(endpoint, count: workers * rings, &opened)
          binds.append(
            BoundListener(
              index: nextIndex, listener: listener, wanted: endpoint,
              bound: Socket.boundEndpoint(of: sockets[0]) ?? endpoint,
              descriptors: (0..<workers).map { Array(sockets[$0 * rings..<($0 + 1) * rings]) }))
          nextIndex += 1
        } catch {
          for descriptor in opened { close(descriptor) }
          throw ProxyError("cannot listen on \(error)", at: listener.settings.location)
        }
      }
    }
    for bind in binds {
      for descriptor in bind.descriptors.joined() {
        Socket.setAwaitsFirstBytes(descriptor, bind.listener.settings.awaitsFirstBytes(limits))
      }
    }
    return binds
  }

  private static func openAll(
    _ endpoint: Endpoint, count: Int, _ opened: inout [Int32]
  ) throws(SocketError) -> [Int32] {
    let first = try Socket.listen(on: endpoint, backlog: backlog)
    opened.append(first)
    var sockets = [first]
    // Port 0: the others go where the first one went. A unix socket has one queue, which all share.
    let bound = Socket.boundEndpoint(of: first) ?? endpoint
    while sockets.count < count {
      let next: Int32
      if case .unix = endpoint {
        next = Socket.duplicate(first) ?? -1
        if next < 0 { throw SocketError(endpoint: endpoint, call: "dup", errno: errno) }
      } else {
        next = try Socket.listen(on: bound, backlog: backlog)
      }
      opened.append(next)
      sockets.append(next)
    }
    return sockets
  }
}

extension Settings.Listener {
  /// Whether its clients are accepted with their first bytes, and not as soon as they have connected.
  ///
  /// Not where the protocol may be one whose server speaks first; nor where a limit may leave clients without time to
  /// come in: these are refused at the accept, before they have made a ClientHello.
  fileprivate func awaitsFirstBytes(_ limits: Settings.Limits) -> Bool {
    let clientSpeaksFirst = mode == .websocket || tls != nil || proxyProtocol != nil
    let isLimited = connectionRate != nil || limits.connectionRate != nil || limits.handshakeCPU != nil
    return clientSpeaksFirst && !isLimited
  }
}
