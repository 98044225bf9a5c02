/* Memory for OpenSSL, kept by each thread for its next handshake.
   A handshake takes and gives back some 700 blocks, among them two buffers for a record each, and malloc's own
   cache per thread is too small for them. Blocks move between threads freely: the thread that frees one keeps
   it. Like malloc, this wipes nothing: OpenSSL cleanses its secrets before it frees them. */
#pragma once
#include <stddef.h>

/* What a thread keeps at most, in bytes; the rest goes back to malloc. */
static const size_t COPENSSL_KEPT_LIMIT = 1 << 20;

/* Makes OpenSSL use it, in the whole process. Without effect after the first, and when OpenSSL has already
   allocated something, since a block must go back to where it came from.
   Returns 1 exactly when it is in use. */
int copenssl_use_kept_memory(void);

/* What the calling thread keeps now. */
size_t copenssl_kept_bytes(void);

/* Gives all of that back to malloc: for a thread that expects no handshakes. */
void copenssl_give_back_kept(void);

/* Gives free memory of all threads' mallocs back to the kernel, page by page. */
void copenssl_return_free(void);

/* What OpenSSL then calls for malloc, realloc and free; the file and the line aren't looked at. */
void *copenssl_take(size_t count, const char *file, int line);
void *copenssl_change(void *memory, size_t count, const char *file, int line);
void copenssl_give(void *memory, const char *file, int line);
