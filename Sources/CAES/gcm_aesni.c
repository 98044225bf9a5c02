/* AES-GCM, a block an instruction and eight blocks at a time. */
#include "gcm.h"

#if CAES_X86
#include <immintrin.h>

#define AESNI __attribute__((target("aes,pclmul,sse4.1")))
#define AESNI_INLINE CAES_INLINE AESNI

enum { STRIDE = 8 };

/* What is secret and in memory. */
typedef struct Secrets {
  __m128i keys[15];
  /* Of the hash key, from 1 on: of the most blocks that are left behind strides, and the lengths. */
  __m128i powers[STRIDE + 2];
} Secrets;

/* Products that were added up and not reduced yet: their words 0 and 1, 1 and 2, 2 and 3. */
typedef struct Sum {
  __m128i low, middle, high;
} Sum;

typedef struct State {
  const Secrets *secrets;
  /* With the number of the next block, in the machine's order of bytes. It can't wrap: see caes_count_max. */
  __m128i counter;
  /* What GHASH has come to, to be added to the next block. */
  __m128i hash;
  uint8_t *bytes;
  bool is_long, opens;
} State;

/* SP 800-38D counts from the other end. */
AESNI_INLINE __m128i reversed(__m128i block) {
  return _mm_shuffle_epi8(block, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

AESNI_INLINE void add_product(Sum *sum, __m128i a, __m128i b) {
  sum->low = _mm_xor_si128(sum->low, _mm_clmulepi64_si128(a, b, 0x00));
  sum->middle = _mm_xor_si128(
    sum->middle, _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01), _mm_clmulepi64_si128(a, b, 0x10)));
  sum->high = _mm_xor_si128(sum->high, _mm_clmulepi64_si128(a, b, 0x11));
}

/* See gcm.h. */
AESNI_INLINE __m128i reduced(Sum sum) {
  const __m128i modulus = _mm_set1_epi64x((long long)0xc200000000000000);
  __m128i middle = _mm_xor_si128(sum.middle, _mm_shuffle_epi32(sum.low, 0x4e));
  middle = _mm_xor_si128(middle, _mm_clmulepi64_si128(sum.low, modulus, 0x00));
  __m128i high = _mm_xor_si128(sum.high, _mm_shuffle_epi32(middle, 0x4e));
  return _mm_xor_si128(high, _mm_clmulepi64_si128(middle, modulus, 0x00));
}

AESNI_INLINE Sum no_sum(void) {
  return (Sum){_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
}

AESNI_INLINE __m128i multiplied(__m128i a, __m128i b) {
  Sum sum = no_sum();
  add_product(&sum, a, b);
  return reduced(sum);
}

/* x times the reversed hash key. The bit that falls out is not branched on. */
AESNI_INLINE __m128i doubled(__m128i key) {
  const __m128i modulus = _mm_set_epi64x((long long)0xc200000000000000, 1);
  __m128i tops = _mm_srli_epi64(key, 63);
  __m128i shifted = _mm_or_si128(_mm_slli_epi64(key, 1), _mm_slli_si128(tops, 8));
  __m128i carry = _mm_sub_epi64(_mm_setzero_si128(), _mm_shuffle_epi32(tops, 0xee));
  return _mm_xor_si128(shifted, _mm_and_si128(carry, modulus));
}

/* The round key `index`, after `older` and `newer` (FIPS 197 section 5.2). All columns of the block that
   AESENCLAST gets are the same, so that its ShiftRows changes nothing and SubWord is left. */
AESNI_INLINE __m128i next_round_key(__m128i older, __m128i newer, int index, bool is_long) {
  const int rotate = 0x0c0f0e0d, keep = 0x0f0e0d0c;
  __m128i word = _mm_shuffle_epi8(newer, _mm_set1_epi32(is_long && index % 2 ? keep : rotate));
  __m128i substituted = _mm_aesenclast_si128(word, _mm_set1_epi32(caes_round_constant(index, is_long)));
  __m128i pairs = _mm_xor_si128(older, _mm_slli_si128(older, 4));
  return _mm_xor_si128(_mm_xor_si128(pairs, _mm_slli_si128(pairs, 8)), substituted);
}

/* Expands the key; gives the hash key, and makes the tag's mask of the first counter block. */
AESNI_INLINE __m128i expand(const uint8_t *key, bool is_long, __m128i *block, __m128i *keys) {
  const int rounds = is_long ? 14 : 10;
  __m128i older = _mm_loadu_si128((const __m128i *)key);
  __m128i newer = is_long ? _mm_loadu_si128((const __m128i *)key + 1) : older;
  __m128i hash_key = older;
  keys[0] = older;
  *block = _mm_xor_si128(*block, older);
#pragma unroll
  for (int index = 1; index <= rounds; index++) {
    if (!is_long || index > 1) {
      __m128i next = next_round_key(older, newer, index, is_long);
      older = is_long ? newer : next;
      newer = next;
    }
    keys[index] = newer;
    hash_key = index < rounds ? _mm_aesenc_si128(hash_key, newer) : _mm_aesenclast_si128(hash_key, newer);
    *block = index < rounds ? _mm_aesenc_si128(*block, newer) : _mm_aesenclast_si128(*block, newer);
  }
  return doubled(reversed(hash_key));
}

/* The powers that content of so many blocks takes. */
AESNI_INLINE void make_powers(__m128i hash_key, size_t blocks, __m128i powers[]) {
  size_t count = blocks < STRIDE ? blocks + 1 : STRIDE + 1;
  powers[1] = hash_key;
  for (size_t power = 2; power <= count; power++)
    powers[power] = multiplied(powers[power / 2], powers[power - power / 2]);
}

/* Nonce and counter; see State. */
AESNI_INLINE __m128i first_counter(const uint8_t *nonce) {
  uint32_t early;
  uint64_t late;
  __builtin_memcpy(&early, nonce, 4);
  __builtin_memcpy(&late, nonce + 4, 8);
  return _mm_set_epi64x((long long)(1ull << 32 | late >> 32), (long long)(late << 32 | early));
}

AESNI_INLINE __m128i take_counter(__m128i *counter) {
  __m128i block =
    _mm_shuffle_epi8(*counter, _mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  *counter = _mm_add_epi32(*counter, _mm_set_epi32(1, 0, 0, 0));
  return block;
}

/* Adds a block to a sum; `power` is its hash key's. The first one takes what came before along. */
AESNI_INLINE void add_hash(State *state, __m128i cipher, size_t power, Sum *sum) {
  add_product(sum, _mm_xor_si128(reversed(cipher), state->hash), state->secrets->powers[power]);
  state->hash = _mm_setzero_si128();
  CAES_KEEP_ORDER(sum->low);
}

/* Makes keystream for so many blocks, and hashes as many that lie at `hashes` while it waits for that. */
AESNI_INLINE void make_keystream(State *state, int count, __m128i blocks[], const uint8_t *hashes) {
  const int rounds = state->is_long ? 14 : 10;
  CAES_KEEP_THERE(state->secrets);
  const __m128i *keys = state->secrets->keys;
  Sum sum = no_sum();
#pragma unroll
  for (int block = 0; block < count; block++)
    blocks[block] = _mm_xor_si128(take_counter(&state->counter), keys[0]);
#pragma unroll
  for (int index = 1; index < rounds; index++) {
    __m128i key = keys[index];
#pragma unroll
    for (int block = 0; block < count; block++) {
      blocks[block] = _mm_aesenc_si128(blocks[block], key);
      CAES_KEEP_ORDER(blocks[block]);
    }
    if (hashes && index <= count)
      add_hash(state, _mm_loadu_si128((const __m128i *)hashes + index - 1), (size_t)(count + 1 - index), &sum);
  }
  if (hashes) state->hash = reduced(sum);
#pragma unroll
  for (int block = 0; block < count; block++)
    blocks[block] = _mm_aesenclast_si128(blocks[block], keys[rounds]);
}

/* Of the bytes of a block, the first ones all set. */
AESNI_INLINE __m128i first_bytes(size_t count) {
  const __m128i numbers = _mm_set_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  return _mm_cmpgt_epi8(_mm_set1_epi8((char)count), numbers);
}

/* Seals or opens a stride of blocks, and hashes the ciphertext at `hashes`. */
AESNI_INLINE void process_stride(State *state, const uint8_t *hashes) {
  __m128i keystream[STRIDE];
  make_keystream(state, STRIDE, keystream, hashes);
#pragma unroll
  for (int block = 0; block < STRIDE; block++) {
    __m128i *place = (__m128i *)state->bytes + block;
    _mm_storeu_si128(place, _mm_xor_si128(_mm_loadu_si128(place), keystream[block]));
  }
  state->bytes += 16 * STRIDE;
}

/* Seals or opens so many whole blocks, and adds them to a sum; `power` is the first one's. */
AESNI_INLINE void process(State *state, int count, size_t power, Sum *sum) {
  __m128i keystream[STRIDE];
  make_keystream(state, count, keystream, NULL);
#pragma unroll
  for (int block = 0; block < count; block++) {
    __m128i *place = (__m128i *)state->bytes + block;
    __m128i given = _mm_loadu_si128(place);
    __m128i text = _mm_xor_si128(given, keystream[block]);
    _mm_storeu_si128(place, text);
    add_hash(state, state->opens ? given : text, power - (size_t)block, sum);
  }
  state->bytes += 16 * count;
}

/* The last block, when it isn't whole. The tag's room is behind it, so that there are 16 bytes to read and
   write; what isn't content stays. */
AESNI_INLINE void process_rest(State *state, size_t count, Sum *sum) {
  __m128i keystream, mask = first_bytes(count);
  make_keystream(state, 1, &keystream, NULL);
  __m128i given = _mm_loadu_si128((__m128i *)state->bytes);
  __m128i text = _mm_xor_si128(given, _mm_and_si128(keystream, mask));
  _mm_storeu_si128((__m128i *)state->bytes, text);
  add_hash(state, _mm_and_si128(state->opens ? given : text, mask), 2, sum);
}

/* Whole strides. Opening hashes what it is about to replace; sealing, what it made a stride before. */
AESNI_INLINE void process_strides(State *state, size_t strides) {
  if (!state->opens) process_stride(state, NULL), strides--;
  for (; strides > 0; strides--)
    process_stride(state, state->opens ? state->bytes : state->bytes - 16 * STRIDE);
  if (state->opens) return;
  Sum sum = no_sum();
#pragma unroll
  for (size_t power = STRIDE; power > 0; power--)
    add_hash(state, _mm_loadu_si128((const __m128i *)state->bytes - power), power, &sum);
  state->hash = reduced(sum);
}

/* All of the content; gives the hash of it and the lengths. */
AESNI_INLINE __m128i process_all(State *state, size_t header_count, size_t count) {
  size_t strides = count / (16 * STRIDE), left = count % (16 * STRIDE), power = (left + 15) / 16 + 1;
  if (strides > 0) process_strides(state, strides);
  Sum sum = no_sum();
  if (left & 64) process(state, 4, power, &sum), power -= 4;
  if (left & 32) process(state, 2, power, &sum), power -= 2;
  if (left & 16) process(state, 1, power, &sum);
  if (left & 15) process_rest(state, left & 15, &sum);
  __m128i lengths = _mm_set_epi64x(8 * (long long)header_count, 8 * (long long)count);
  add_product(&sum, _mm_xor_si128(lengths, state->hash), state->secrets->powers[1]);
  return reversed(reduced(sum));
}

/* Of the header, which makes one block with zeros. */
AESNI_INLINE __m128i header_hash(const uint8_t *record, size_t header_count, __m128i hash_key) {
  uint64_t early = 0, late = 0;
  if (header_count == caes_header_count) {
    __builtin_memcpy(&early, record, caes_header_count);
  } else {
    __builtin_memcpy(&early, record, 8);
    __builtin_memcpy(&late, record + 8, caes_long_header_count - 8);
  }
  return multiplied(reversed(_mm_set_epi64x((long long)late, (long long)early)), hash_key);
}

/* Writes the tag; or compares it, in a time that doesn't depend on where they differ. */
AESNI_INLINE bool end_record(__m128i *place, __m128i given, bool opens, __m128i tag) {
  if (!opens) {
    _mm_storeu_si128(place, tag);
    return true;
  }
  __m128i difference = _mm_xor_si128(tag, given);
  return _mm_testz_si128(difference, difference);
}

AESNI_INLINE bool any_record(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count,
  bool opens) {
  Secrets secrets;
  uint8_t *content = record + header_count;
  __m128i *place = (__m128i *)(content + count), given = _mm_loadu_si128(place);
  State state = {&secrets, first_counter(nonce), _mm_setzero_si128(), content, is_long, opens};
  __m128i mask = take_counter(&state.counter);
  __m128i hash_key = expand(key, is_long, &mask, secrets.keys);
  make_powers(hash_key, (count + 15) / 16, secrets.powers);
  state.hash = header_hash(record, header_count, hash_key);
  __m128i tag = _mm_xor_si128(process_all(&state, header_count, count), mask);
  return end_record(place, given, opens, tag);
}

CAES_CLEAR_REGISTERS AESNI void caes_aesni_seal(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count) {
  if (is_long)
    any_record(key, true, nonce, record, header_count, count, false);
  else
    any_record(key, false, nonce, record, header_count, count, false);
}

CAES_CLEAR_REGISTERS AESNI bool caes_aesni_open(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count) {
  return is_long ? any_record(key, true, nonce, record, header_count, count, true)
                 : any_record(key, false, nonce, record, header_count, count, true);
}
#endif
