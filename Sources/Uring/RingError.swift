internal import CUring
internal import Glibc

/// Something of io_uring that the engine can't do without.
public struct Feature: Hashable, Sendable {
  /// What it is for, and its name in the kernel.
  public let name: String
  /// The first Linux that has it.
  public let since: String
  /// The operation that stands for it, where it is one.
  public let opcode: UInt8?

  static let ring = Feature(name: "io_uring", since: "5.1", opcode: nil)
  static let deferredWork = Feature(
    name: "rings of a single thread (IORING_SETUP_DEFER_TASKRUN)", since: "6.1", opcode: nil)
  static let sparseTable = Feature(
    name: "sparse tables of direct descriptors (IORING_RSRC_REGISTER_SPARSE)", since: "5.19", opcode: nil)
  static let allocationRange = Feature(
    name: "a range for accepted sockets (IORING_REGISTER_FILE_ALLOC_RANGE)", since: "6.0", opcode: nil)
  static let bufferRing = Feature(
    name: "rings of provided buffers (IORING_REGISTER_PBUF_RING)", since: "5.19", opcode: nil)

  /// Those that an operation stands for, oldest first. What can't be probed by an operation is older than the
  /// last of them: multishot accept (5.19) and receive (6.0), socket options by command (6.7).
  static let operations = [
    Feature(name: "opening sockets (IORING_OP_SOCKET)", since: "5.19", opcode: UInt8(CURING_OP_SOCKET)),
    Feature(
      name: "commands to sockets (IORING_OP_URING_CMD)", since: "5.19",
      opcode: UInt8(CURING_OP_URING_CMD)),
    Feature(
      name: "ordinary descriptors of direct ones (IORING_OP_FIXED_FD_INSTALL)", since: "6.8",
      opcode: UInt8(CURING_OP_FIXED_FD_INSTALL)),
  ]

  /// The first feature whose operation isn't there.
  static func firstMissing(where isSupported: (UInt8) -> Bool) -> Feature? {
    operations.first { feature in feature.opcode.map { !isSupported($0) } ?? false }
  }
}

/// Why a ring can't be set up.
public enum RingError: Error, Hashable, Sendable, CustomStringConvertible {
  /// This kernel, whose release is `running`, is too old.
  case missing(Feature, running: String)
  /// The kernel has it, but the administrator doesn't let this process use it.
  case forbidden(running: String)
  /// A call failed with an errno value.
  case system(call: String, errno: Int32)

  public var description: String {
    switch self {
    case .missing(let feature, let running):
      "the kernel lacks \(feature.name), which Linux \(feature.since) brings; this is Linux \(running)"
    case .forbidden(let running):
      "io_uring is not permitted (see the sysctl kernel.io_uring_disabled, and seccomp); this is Linux \(running)"
    case .system(let call, let errno):
      "\(call): \(String(cString: strerror(errno)))"
    }
  }

  /// What a failed set-up call means; `feature` is what the call is the first to need.
  static func of(_ call: String, result: Int32, needing feature: Feature) -> RingError {
    switch -result {
    case ENOSYS: .missing(.ring, running: kernelRelease())
    case EPERM: .forbidden(running: kernelRelease())
    case EINVAL: .missing(feature, running: kernelRelease())
    default: .system(call: call, errno: -result)
    }
  }
}

/// The running kernel's release, as `uname -r` prints it.
public func kernelRelease() -> String {
  var names = utsname()
  guard uname(&names) == 0 else { return "unknown" }
  return withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}
