internal import Basics
internal import Glibc
internal import Settings

/// How many workers settings ask for.
func workerCount(_ settings: Settings) -> Int {
  settings.workers ?? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
}

/// Connections that one worker has room for: its share of the limit and a quarter more, since the kernel's
/// distribution over the listening sockets isn't even. Never full before the limit is reached: it is the limit
/// that tells clients, while a full worker leaves them in the kernel's queue.
func connectionsPerWorker(_ settings: Settings, workers: Int) -> Int {
  let limit = settings.limits.connections
  return min(limit + 1, limit / workers + limit / workers / 4 + 64)
}

/// I/O buffers of one worker.
func buffersPerWorker(_ settings: Settings, workers: Int) -> Int {
  let count = settings.limits.bufferMemory.bytes / workers / BufferPool.stride
  return min(max(count, 64), Int(UInt16.max) - 1)
}

/// Takes as many descriptors as the process may have. Only listening sockets, rings and the control plane need
/// them; connections live in the rings' tables, whose size the same limit bounds.
func raiseDescriptorLimit() {
  var limit = rlimit()
  guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
  else { return }
  limit.rlim_cur = limit.rlim_max
  _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
