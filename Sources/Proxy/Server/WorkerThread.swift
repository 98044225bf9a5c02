internal import Basics
internal import Dispatch
internal import Foundation
internal import Synchronization
internal import Telemetry

/// A worker's thread. Ring and worker are made on it: a ring belongs to the thread that made it.
final class WorkerThread: Sendable {
  private let failure = Mutex<ProxyError?>(nil)
  private let ready = DispatchSemaphore(value: 0)

  init(_ shared: WorkerShared, _ topology: Topology, ended: DispatchGroup) {
    ended.enter()
    let thread = Thread { [self] in
      run(shared, topology)
      ended.leave()
    }
    thread.name = "worker-\(shared.index)"
    thread.stackSize = 1 << 20
    thread.start()
  }

  /// Waits until the worker accepts, or can't.
  func waitUntilReady() -> ProxyError? {
    ready.wait()
    return failure.withLock { $0 }
  }

  private func run(_ shared: WorkerShared, _ topology: Topology) {
    let settings = topology.settings
    let workers = topology.binds.first?.descriptors.count ?? 1
    do throws(EngineError) {
      let engine = try UringEngine(
        connections: connectionsPerWorker(settings, workers: workers),
        bufferCount: buffersPerWorker(settings, workers: workers),
        wakeDescriptor: shared.mailbox.descriptor)
      var worker = Worker(engine: engine, shared: shared, topology: topology, seed: .random(in: 0 ... .max))
      ready.signal()
      worker.run()
    } catch {
      failure.withLock { $0 = ProxyError(error.description) }
      ready.signal()
    }
  }
}
