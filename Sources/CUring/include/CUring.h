/* What Swift needs of liburing: wrappers for what it can't import (barriers, flags with parentheses and casts),
 * and the constants that liburing 2.3 is too old for. Everything here is a static inline function.
 *
 * <features.h> first, and no _GNU_SOURCE of our own: otherwise fd_set clashes between the modules. */
#ifndef CURING_H
#define CURING_H

#include <features.h>

#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Operation codes and commands by the kernel's own numbers (include/uapi/linux/io_uring.h). */
enum {
  CURING_OP_SHUTDOWN = IORING_OP_SHUTDOWN,
  CURING_OP_SOCKET = IORING_OP_SOCKET,
  CURING_OP_URING_CMD = IORING_OP_URING_CMD,
  CURING_OP_SENDMSG_ZC = IORING_OP_SENDMSG_ZC,
  CURING_OP_FIXED_FD_INSTALL = 54,
  CURING_SOCKET_SETSOCKOPT = 3,
  CURING_ACCEPT_POLL_FIRST = 1 << 2,
};

/* Buffers that one gathered send takes. */
enum { CURING_GATHER = 8 };

/* What an entry of the submission queue points to. Each entry has one of its own, which is the entry's for as
 * long as the kernel hasn't taken the entry; then the kernel has copied it (IORING_FEAT_SUBMIT_STABLE). */
struct curing_operand {
  union {
    struct {
      struct msghdr header;
      struct iovec vectors[CURING_GATHER];
    } message;
    struct sockaddr_storage address;
  };
};

static const uint32_t curing_setup_flags =
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
static const uint32_t curing_needed_features =
    IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP |
    IORING_FEAT_LINKED_FILE;

static const uint32_t curing_feature_window = 1u << 15; /* IORING_FEAT_MIN_TIMEOUT */

static const uint8_t curing_link = IOSQE_IO_LINK;
static const uint8_t curing_hard_link = IOSQE_IO_HARDLINK;
static const uint8_t curing_skip_success = IOSQE_CQE_SKIP_SUCCESS;

/* The kernel's io_uring_getevents_arg, whose third member's name depends on liburing's age. */
struct curing_wait {
  uint64_t signals;
  uint32_t signals_size, window;
  uint64_t limit;
};

static inline int curing_eventfd(void) { return eventfd(0, EFD_CLOEXEC); }

/* ---- The queues ---- */

/* The array of indices never changes: entry i of it is entry i of the submission queue. */
static inline void curing_identity(struct io_uring *ring) {
  for (uint32_t i = 0; i < ring->sq.ring_entries; i++) ring->sq.array[i] = i;
}

/* Entries that can still be filled in before the kernel must take some. */
static inline uint32_t curing_space(const struct io_uring *ring) {
  return ring->sq.ring_entries - (ring->sq.sqe_tail - __atomic_load_n(ring->sq.khead, __ATOMIC_ACQUIRE));
}

/* Entries filled in that the kernel hasn't taken. */
static inline uint32_t curing_pending(const struct io_uring *ring) {
  return ring->sq.sqe_tail - __atomic_load_n(ring->sq.khead, __ATOMIC_ACQUIRE);
}

/* The next entry's index. The caller has made sure of the space. */
static inline uint32_t curing_claim(struct io_uring *ring) { return ring->sq.sqe_tail++ & ring->sq.ring_mask; }

/* True exactly when the kernel has work for this ring's thread to run, or completions that had no room. */
static inline bool curing_has_work(const struct io_uring *ring) {
  uint32_t flags = __atomic_load_n(ring->sq.kflags, __ATOMIC_ACQUIRE);
  return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static inline bool curing_overflowed(const struct io_uring *ring) {
  return (__atomic_load_n(ring->sq.kflags, __ATOMIC_ACQUIRE) & IORING_SQ_CQ_OVERFLOW) != 0;
}

/* Hands every filled entry to the kernel. With `events` it also runs the ring's deferred work, and waits until
 * there are `wait` completions or `nanoseconds` have passed (UINT64_MAX: no limit). With a `window`, microseconds,
 * fewer completions are enough once that has passed (since Linux 6.12; 0: no window).
 * Returns the number of entries taken, or -errno. */
static inline int curing_enter(
    struct io_uring *ring, uint32_t wait, bool events, uint32_t window, uint64_t nanoseconds) {
  __atomic_store_n(ring->sq.ktail, ring->sq.sqe_tail, __ATOMIC_RELEASE);
  ring->sq.sqe_head = ring->sq.sqe_tail;
  uint32_t flags = ring->enter_ring_fd != ring->ring_fd ? IORING_ENTER_REGISTERED_RING : 0;
  if (!events) return io_uring_enter2((unsigned)ring->enter_ring_fd, curing_pending(ring), 0, flags, NULL, 0);
  struct __kernel_timespec limit = {
      .tv_sec = (long long)(nanoseconds / 1000000000u), .tv_nsec = (long long)(nanoseconds % 1000000000u)};
  /* Without a limit the kernel would return at the window's end with nothing. */
  bool limited = nanoseconds != UINT64_MAX || window > 0;
  struct curing_wait argument = {.window = window, .limit = limited ? (uint64_t)(uintptr_t)&limit : 0};
  return io_uring_enter2(
      (unsigned)ring->enter_ring_fd, curing_pending(ring), wait,
      flags | IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, (sigset_t *)&argument, sizeof argument);
}

static inline uint32_t curing_completion_tail(const struct io_uring *ring) {
  return __atomic_load_n(ring->cq.ktail, __ATOMIC_ACQUIRE);
}

static inline uint32_t curing_completion_head(const struct io_uring *ring) { return *ring->cq.khead; }

/* Gives the places of the completions before `head` back to the kernel. */
static inline void curing_release(struct io_uring *ring, uint32_t head) {
  __atomic_store_n(ring->cq.khead, head, __ATOMIC_RELEASE);
}

/* Says whether the ring's eventfd is signalled. A full fence: what is checked after it, is checked after it. */
static inline void curing_set_eventfd(struct io_uring *ring, bool enabled) {
  uint32_t flags = enabled ? 0 : IORING_CQ_EVENTFD_DISABLED;
  if (ring->cq.kflags) __atomic_store_n(ring->cq.kflags, flags, __ATOMIC_SEQ_CST);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* ---- Operations: each fills one entry, every field of it ---- */

static inline void curing_fill(
    struct io_uring_sqe *sqe, uint8_t opcode, uint8_t flags, int fd, const void *address, uint32_t length,
    uint64_t offset, uint64_t user_data) {
  *sqe = (struct io_uring_sqe){
      .opcode = opcode, .flags = flags, .fd = fd, .off = offset, .addr = (uint64_t)(uintptr_t)address,
      .len = length, .user_data = user_data};
}

/* Accepts one client from an ordinary descriptor into a direct one that the kernel chooses. `address` and `length`
   belong to the kernel until then. With `poll_first` the kernel doesn't try before somebody has come. */
static inline void curing_accept(
    struct io_uring_sqe *sqe, int fd, struct sockaddr_storage *address, uint32_t *length, bool poll_first,
    uint64_t user_data) {
  curing_fill(sqe, IORING_OP_ACCEPT, 0, fd, address, 0, (uint64_t)(uintptr_t)length, user_data);
  sqe->file_index = IORING_FILE_INDEX_ALLOC;
  sqe->ioprio = poll_first ? CURING_ACCEPT_POLL_FIRST : 0;
}

/* A multishot ends by itself once `limit` bytes have come: the field that Linux 6.17 calls `optlen` and liburing
   2.3 `file_index`. 0: a single receive. */
static inline void curing_receive(
    struct io_uring_sqe *sqe, uint32_t slot, uint16_t group, uint32_t limit, uint64_t user_data) {
  curing_fill(sqe, IORING_OP_RECV, IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT, (int)slot, NULL, 0, 0, user_data);
  sqe->buf_group = group;
  sqe->ioprio = limit ? IORING_RECV_MULTISHOT : 0;
  sqe->file_index = limit;
}

/* With `more` the kernel may wait for what follows before it sends a segment that isn't full. */
static inline uint32_t curing_send_flags(bool more) { return MSG_WAITALL | MSG_NOSIGNAL | (more ? MSG_MORE : 0); }

static inline void curing_send(
    struct io_uring_sqe *sqe, uint32_t slot, const void *bytes, uint32_t count, bool more, uint64_t user_data) {
  curing_fill(sqe, IORING_OP_SEND, IOSQE_FIXED_FILE, (int)slot, bytes, count, 0, user_data);
  sqe->msg_flags = curing_send_flags(more);
}

/* Sends the first `count` of the operand's vectors. */
static inline void curing_send_gathered(
    struct io_uring_sqe *sqe, uint32_t slot, struct curing_operand *operand, uint32_t count, bool more,
    uint64_t user_data) {
  operand->message.header =
      (struct msghdr){.msg_iov = operand->message.vectors, .msg_iovlen = count};
  curing_fill(sqe, IORING_OP_SENDMSG, IOSQE_FIXED_FILE, (int)slot, &operand->message.header, 1, 0, user_data);
  sqe->msg_flags = curing_send_flags(more);
}

static inline void curing_set_vector(
    struct curing_operand *operand, uint32_t index, const void *bytes, size_t count) {
  operand->message.vectors[index] = (struct iovec){.iov_base = (void *)bytes, .iov_len = count};
}

/* Opens a stream socket in the direct slot. An occupied slot's socket would be closed without a word. */
static inline void curing_socket(
    struct io_uring_sqe *sqe, uint32_t slot, int family, uint8_t flags, uint64_t user_data) {
  curing_fill(sqe, IORING_OP_SOCKET, flags, family, NULL, 0, SOCK_STREAM, user_data);
  sqe->file_index = slot + 1;
}

/* `value` must stay until the operation has completed. */
static inline void curing_set_option(
    struct io_uring_sqe *sqe, uint32_t slot, int level, int name, const void *value, uint32_t length, uint8_t flags,
    uint64_t user_data) {
  curing_fill(sqe, IORING_OP_URING_CMD, flags | IOSQE_FIXED_FILE, (int)slot, NULL, 0, 0, user_data);
  sqe->cmd_op = CURING_SOCKET_SETSOCKOPT;
  sqe->addr = (uint64_t)(uint32_t)level | (uint64_t)(uint32_t)name << 32;
  sqe->file_index = length; /* The field's later name is optlen. */
  sqe->addr3 = (uint64_t)(uintptr_t)value;
}

/* Has small writes sent at once. */
static inline void curing_set_no_delay(struct io_uring_sqe *sqe, uint32_t slot, uint8_t flags, uint64_t user_data) {
  static const int enabled = 1;
  curing_set_option(sqe, slot, IPPROTO_TCP, TCP_NODELAY, &enabled, sizeof enabled, flags, user_data);
}

/* The server's SYN-ACK isn't acknowledged by itself, but with the first bytes sent, or after a fifth of a second. */
static inline void curing_set_late_ack(struct io_uring_sqe *sqe, uint32_t slot, uint8_t flags, uint64_t user_data) {
  static const int disabled = 0;
  curing_set_option(sqe, slot, IPPROTO_TCP, TCP_QUICKACK, &disabled, sizeof disabled, flags, user_data);
}

/* Ends that. */
static inline void curing_set_prompt_ack(struct io_uring_sqe *sqe, uint32_t slot, uint8_t flags, uint64_t user_data) {
  static const int enabled = 1;
  curing_set_option(sqe, slot, IPPROTO_TCP, TCP_QUICKACK, &enabled, sizeof enabled, flags, user_data);
}

/* Makes of a close a reset. */
static inline void curing_set_abort(struct io_uring_sqe *sqe, uint32_t slot, uint8_t flags, uint64_t user_data) {
  static const struct linger abort = {.l_onoff = 1, .l_linger = 0};
  curing_set_option(sqe, slot, SOL_SOCKET, SO_LINGER, &abort, sizeof abort, flags, user_data);
}

static inline void curing_connect(
    struct io_uring_sqe *sqe, uint32_t slot, const struct curing_operand *operand, uint32_t length, uint8_t flags,
    uint64_t user_data) {
  curing_fill(
      sqe, IORING_OP_CONNECT, flags | IOSQE_FIXED_FILE, (int)slot, &operand->address, 0, length, user_data);
}

static inline void curing_shutdown(struct io_uring_sqe *sqe, uint32_t slot, uint64_t user_data) {
  curing_fill(sqe, IORING_OP_SHUTDOWN, IOSQE_FIXED_FILE, (int)slot, NULL, SHUT_WR, 0, user_data);
}

static inline void curing_close(struct io_uring_sqe *sqe, uint32_t slot, uint64_t user_data) {
  curing_fill(sqe, IORING_OP_CLOSE, 0, 0, NULL, 0, 0, user_data);
  sqe->file_index = slot + 1;
}

/* Cancels all operations that have the user data `target`. */
static inline void curing_cancel(
    struct io_uring_sqe *sqe, uint64_t target, uint8_t flags, uint64_t user_data) {
  curing_fill(sqe, IORING_OP_ASYNC_CANCEL, flags, -1, NULL, 0, 0, user_data);
  sqe->addr = target;
  sqe->cancel_flags = IORING_ASYNC_CANCEL_ALL;
}

/* Makes an ordinary descriptor of a direct one; the result is its number. */
static inline void curing_install(struct io_uring_sqe *sqe, uint32_t slot, uint64_t user_data) {
  curing_fill(sqe, CURING_OP_FIXED_FD_INSTALL, IOSQE_FIXED_FILE, (int)slot, NULL, 0, 0, user_data);
}

static inline void curing_read(
    struct io_uring_sqe *sqe, int fd, void *bytes, uint32_t count, uint64_t user_data) {
  curing_fill(sqe, IORING_OP_READ, 0, fd, bytes, count, UINT64_MAX, user_data);
}

#endif
