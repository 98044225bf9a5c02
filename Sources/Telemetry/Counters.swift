/// What a worker counts of itself.
public enum WorkerCounter: Int, CounterKey {
  // Gauges.
  case connectionsLive, connectionsTLSLive, buffersTaken, buffersTotal, handshakesQueued
  // Counters.
  case connectionsAccepted, connectionsEnded
  case acceptErrors, acceptPauses, descriptorsExhausted, buffersExhausted, slotsExhausted
  case handshakesFull, handshakesResumed, handshakesFailed, handshakeNanoseconds
  case requests, upgrades
  case completionsStale, recordsDropped
  case turns, busyNanoseconds
  case bytesFromClients, bytesToClients
}

/// What a worker counts of admission: refusals by reason first, in the order of their names elsewhere.
public enum AdmissionCounter: Int, CounterKey {
  case roomFull, tooLong, patienceOver, processLimit, listenerLimit, addressConnections, addressRate, denied
  case notTLS, malformedHello, proxyHeader
  // How they were refused.
  case beforeTLS, unavailable, held
  case admitted, gone
  // Gauges.
  case longestWaitNanoseconds, waitMaxNanoseconds, marginNanoseconds
}

/// What a worker counts of a listener.
public enum ListenerCounter: Int, CounterKey {
  // Gauges.
  case connectionsLive
  // Counters.
  case connectionsRefusedBeforeTLS, connectionsRefusedReadably, connectionsRefusedAtLimit
  case connectionsAccepted, requests, requestsRefused, requestsMalformed, bytesFromClients, bytesToClients
  case responses1xx, responses2xx, responses3xx, responses4xx, responses5xx
  case handshakesFull, handshakesResumed, handshakesFailed
}

/// What a worker counts of a backend. A pool's figures are the sums over its backends.
public enum BackendCounter: Int, CounterKey {
  // Counters.
  case connections, connectFailures, responseFailures, retries, redispatches
  case bytesFromBackend, bytesToBackend, messagesFromBackend, messagesToBackend
  case responses1xx, responses2xx, responses3xx, responses4xx, responses5xx
  case abortsByClient, abortsByBackend
}
