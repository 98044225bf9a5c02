internal import Basics
internal import Dispatch
internal import Foundation
internal import Settings
internal import Synchronization
internal import Telemetry

/// A worker's thread. Ring and worker are made on it: a ring belongs to the thread that made it.
///
/// It is there from the start on, as its priority is to be had only until the process gives up its privileges.
final class WorkerThread: Sendable {
  private let failure = Mutex<ProxyError?>(nil)
  /// Signalled when the thread has its priority, or can't, and when the worker accepts, or can't.
  private let ready = DispatchSemaphore(value: 0)
  private let begun = DispatchSemaphore(value: 0)
  /// What it is to do; nothing at its beginning is its end.
  private let order = Mutex<(Topology, DispatchGroup)?>(nil)

  /// Returns once the thread is there.
  private init(_ shared: WorkerShared, priority: Int?) throws(ProxyError) {
    let name = "worker-\(shared.index)"
    let thread = Thread { [self] in
      nameThread(name)
      if let priority, let reason = RealtimePriority.take(priority) { fail(ProxyError(reason)) }
      ready.signal()
      begun.wait()
      guard let (topology, ended) = order.withLock({ $0.take() }) else { return }
      run(shared, topology)
      ended.leave()
    }
    thread.stackSize = 1 << 20
    thread.start()
    // Foundation doesn't tell when there is no thread to be had.
    guard ready.wait(timeout: .now() + .seconds(10)) == .success else {
      throw ProxyError("\(name): the system gives no thread")
    }
    guard let failure = failure.withLock({ $0 }) else { return }
    cancel()
    throw failure
  }

  /// One for each, or none.
  static func all(_ workers: [WorkerShared], priority: Int?) throws(ProxyError) -> [WorkerThread] {
    var threads: [WorkerThread] = []
    do throws(ProxyError) {
      for worker in workers { threads.append(try WorkerThread(worker, priority: priority)) }
    } catch {
      for thread in threads { thread.cancel() }
      throw error
    }
    return threads
  }

  /// Lets the worker begin, once; `ended` learns of its end.
  func begin(_ topology: Topology, ended: DispatchGroup) {
    ended.enter()
    order.withLock { $0 = (topology, ended) }
    begun.signal()
  }

  /// Ends a thread that hasn't begun.
  func cancel() { begun.signal() }

  /// Waits until the worker accepts, or can't.
  func waitUntilReady() -> ProxyError? {
    ready.wait()
    return failure.withLock { $0 }
  }

  private func fail(_ error: ProxyError) { failure.withLock { $0 = error } }

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
      fail(ProxyError(error.description))
      ready.signal()
    }
  }
}
