internal import Basics
internal import Glibc
internal import Proxy

/// How connections come about: clients that arrive, backends that answer a connect.
extension SimulatedWorld {
  func arrive(_ client: SimulatedClient) {
    guard client.listener < listeners.count, !listeners[client.listener].isStopped else {
      return client.isRefused()
    }
    let socket = makeSocket(.client(client))
    socket.isConnected = true
    client.connected(socket)
    record("arrive", client.id, socket.id)
    listeners[client.listener].backlog.append(socket)
    pokeListener(client.listener)
    client.wake(in: self)
  }

  func pokeListener(_ index: Int) {
    let listener = listeners[index]
    guard listener.isArmed, !listener.isScheduled, !listener.backlog.isEmpty else { return }
    listeners[index].isScheduled = true
    schedule(.accept(listener: index))
  }

  func acceptOne(_ index: Int) {
    listeners[index].isScheduled = false
    guard listeners[index].isArmed, !listeners[index].backlog.isEmpty else { return }
    let socket = listeners[index].backlog.removeFirst()
    let token = acceptToken(index)
    let fails = chance(faults.acceptsFail)
    if fails || !open(socket) {
      // The kernel had accepted it, and drops it.
      if case .client(let client) = socket.peer { client.isExcused = true }
      abandon(socket, reset: false)
      listeners[index].isArmed = false
      return complete(token, fails && chance(0.5) ? -ECONNABORTED : -ENFILE, on: nil)
    }
    let more = !chance(faults.acceptsEnd)
    listeners[index].isArmed = more
    var address: Endpoint?
    if case .client(let client) = socket.peer { address = client.peerAddress ?? client.address }
    complete(token, 0, on: nil, accepted: socket.handle, address: address, more: more)
    pokeListener(index)
  }

  func acceptToken(_ index: Int) -> CompletionToken {
    CompletionToken(operation: Operation.accept.rawValue, slot: SlotID(index: UInt32(index), generation: 0))
  }

  // MARK: Connecting to backends

  /// Decides what becomes of a connect, and when.
  func startConnect(
    _ socket: SimulatedSocket, to address: Endpoint, isFollowed: Bool, _ token: CompletionToken
  ) {
    socket.connecting = token
    socket.connectBegins = now + .microseconds(pick(0...60))
    socket.awaitsSend = isFollowed
    let port = backendEndpoints.firstIndex(of: address)
    if port == nil || chance(faults.connectsRefused) {
      connectFaults += 1
      return schedule(.connect(socket, token, result: -ECONNREFUSED), in: 10...500)
    }
    if chance(faults.connectsTimeOut) {
      connectFaults += 1
      return schedule(.connect(socket, token, result: -ETIMEDOUT), in: 120_000_000...130_000_000)
    }
    schedule(.connect(socket, token, result: 0), in: 10...2000)
  }

  func endConnect(
    _ socket: SimulatedSocket, _ token: CompletionToken, _ result: Int32, _ pool: borrowing BufferPool
  ) {
    guard socket.connecting == token else { return }
    if socket.awaitsSend { violate("no send has followed the connect of socket #\(socket.id)") }
    socket.connecting = nil
    if result == -ETIMEDOUT && socket.cancelMissedConnect {
      violate("the connect of socket #\(socket.id) was given up, and went on until the kernel gave it up")
    }
    if result == 0 {
      socket.isConnected = true
      let backend = SimulatedBackend(id: backends.count, socket: socket, world: self)
      socket.peer = .backend(backend)
      backends.append(backend)
      backend.wake(in: self)
    }
    guard let follower = socket.sending?.token else { return complete(token, result, on: socket) }
    // One completion tells of both.
    if result == 0 {
      socket.acknowledgesLate = true
      forget(token, of: socket)
      poke(socket)
    } else {
      forget(follower, of: socket)
      dropSend(socket, pool)
      complete(token, result, on: socket)
    }
  }

  private func forget(_ token: CompletionToken, of socket: SimulatedSocket) {
    tokens.remove(token)
    socket.forget(token)
  }
}
