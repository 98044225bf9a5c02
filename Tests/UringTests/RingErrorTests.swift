import Glibc
import Testing

@testable import Uring

@Suite struct RingErrorTests {
  @Test func `a kernel that is too old is told by the feature's name and both versions`() throws {
    // What Debian 12's own kernel knows: operations up to IORING_OP_SENDMSG_ZC.
    let missing = try #require(Feature.firstMissing { $0 <= 48 })
    let error = RingError.missing(missing, running: "6.1.0-28-amd64")
    #expect(
      error.description
        == "the kernel lacks ordinary descriptors of direct ones (IORING_OP_FIXED_FD_INSTALL), "
        + "which Linux 6.8 brings; this is Linux 6.1.0-28-amd64")
  }

  @Test func `the oldest missing feature is told first, and none when all are there`() throws {
    #expect(Feature.firstMissing { _ in false }?.since == "5.19")
    #expect(Feature.firstMissing { _ in true } == nil)
  }

  @Test func `a failed set-up call tells what it may mean`() {
    func text(_ errno: Int32) -> String {
      RingError.of("io_uring_setup", result: -errno, needing: .deferredWork).description
    }
    #expect(text(ENOSYS).hasPrefix("the kernel lacks io_uring, which Linux 5.1 brings; this is Linux "))
    #expect(text(EPERM).hasPrefix("io_uring is not permitted"))
    #expect(text(EINVAL).contains("IORING_SETUP_DEFER_TASKRUN"))
    #expect(text(ENOMEM) == "io_uring_setup: Cannot allocate memory")
  }

  @Test func `the release is the running kernel's`() {
    #expect(kernelRelease().first?.isNumber == true)
  }
}
