/* AES-GCM, two blocks an instruction.

   A record is hashed as a sequence of vectors: the last one is the content's last block, whole or not, and the
   lengths; the first is the header (the additional data) with the content's first block behind it, or with an empty
   one in front when that makes the count of whole blocks between even. Empty blocks in front don't change a GHASH.
   So the vectors between are whole, and the content's edges are single blocks.

   Expanding a key waits for itself, so what is encrypted beside it is nearly free: the hash key, the tag's mask,
   the edges' keystream, and that of all vectors that strides leave over. */
#include "gcm_avx2.h"

#if CAES_X86

enum {
  STRIDE = 6,
  /* The most vectors that strides leave over. */
  EARLY_MAX = STRIDE - 1,
};

/* What is secret and in memory. */
typedef struct Secrets {
  __m128i keys[15];
  /* Of the hash key, from 1 on: 2 * index in the first lane, one less in the second. */
  __m256i powers[STRIDE + 2];
  /* Keystream of the first vectors. */
  __m256i early[EARLY_MAX];
  /* Of single blocks: the tag's, and those of the content's first and last one. */
  __m128i tag_mask, first, last;
} Secrets;

/* Where a record's blocks are. */
typedef struct Record {
  uint8_t *content;
  size_t header_count, count;
  /* Content's blocks. */
  size_t blocks;
  /* True exactly when the first of several blocks goes with the header. */
  bool is_first_apart;
  /* Whole vectors between the edges: those before strides, and strides. */
  size_t early, strides;
} Record;

typedef struct State {
  const Secrets *secrets;
  /* Of the next vector, in the machine's order of bytes. They can't wrap: see caes_count_max. */
  __m256i counters;
  /* What GHASH has come to, to be added to the next block. */
  __m128i hash;
  uint8_t *bytes;
  bool is_long, opens;
} State;

AVX2_INLINE Record make_record(uint8_t *record, size_t header_count, size_t count) {
  size_t blocks = (count + 15) / 16, between = blocks > 0 ? blocks - 1 : 0;
  return (Record){
    .content = record + header_count,
    .header_count = header_count,
    .count = count,
    .blocks = blocks,
    .is_first_apart = between % 2,
    .early = between / LANES % STRIDE,
    .strides = between / LANES / STRIDE,
  };
}

/* The nonce and a counter of 0; see State. */
AVX2_INLINE __m128i counter_zero(const uint8_t *nonce) {
  uint32_t early;
  uint64_t late;
  __builtin_memcpy(&early, nonce, 4);
  __builtin_memcpy(&late, nonce + 4, 8);
  return _mm_set_epi64x((long long)(late >> 32), (long long)(late << 32 | early));
}

AVX2_INLINE __m128i counter_at(__m128i zero, size_t number) {
  return _mm_add_epi32(zero, _mm_set_epi32((int)number, 0, 0, 0));
}

AVX2_INLINE __m256i counter_blocks(__m256i counters) {
  const __m128i order = _mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  return _mm256_shuffle_epi8(counters, in_both_lanes(order));
}

AVX2_INLINE __m256i take_counters(__m256i *counters) {
  __m256i blocks = counter_blocks(*counters);
  *counters = _mm256_add_epi32(*counters, _mm256_set_epi32(LANES, 0, 0, 0, LANES, 0, 0, 0));
  return blocks;
}

/* Expands the key while it encrypts with it; see above. Gives the hash key, in the first lane. */
AVX2_INLINE __m256i start(
  const uint8_t *key, bool is_long, const uint8_t *nonce, const Record *record, State *state, Secrets *secrets) {
  const int rounds = is_long ? 14 : 10, count = EARLY_MAX + 2;
  __m256i older = in_both_lanes(_mm_loadu_si128((const __m128i *)key));
  __m256i newer = is_long ? in_both_lanes(_mm_loadu_si128((const __m128i *)key + 1)) : older;
  __m128i zero = counter_zero(nonce);
  __m256i blocks[EARLY_MAX + 2], *edges = blocks + EARLY_MAX;
  size_t number = record->is_first_apart ? 3 : 2;
  __m256i counters = in_lanes(counter_at(zero, number), counter_at(zero, number + 1));
  state->counters = _mm256_add_epi32(
    counters, in_both_lanes(_mm_set_epi32((int)(LANES * record->early), 0, 0, 0)));
#pragma unroll
  for (int block = 0; block < EARLY_MAX; block++) blocks[block] = take_counters(&counters);
  edges[0] = counter_blocks(in_lanes(counter_at(zero, 1), counter_at(zero, record->blocks + 1)));
  edges[1] = in_lanes(
    _mm_setzero_si128(), _mm256_castsi256_si128(counter_blocks(in_both_lanes(counter_at(zero, 2)))));
  secrets->keys[0] = _mm256_castsi256_si128(older);
#pragma unroll
  for (int block = 0; block < count; block++) blocks[block] = _mm256_xor_si256(blocks[block], older);
#pragma unroll
  for (int index = 1; index <= rounds; index++) {
    if (!is_long || index > 1) {
      __m256i next = next_round_key(older, newer, index, is_long);
      older = is_long ? newer : next;
      newer = next;
    }
    secrets->keys[index] = _mm256_castsi256_si128(newer);
#pragma unroll
    for (int block = 0; block < count; block++) {
      blocks[block] = index < rounds ? _mm256_aesenc_epi128(blocks[block], newer)
                                     : _mm256_aesenclast_epi128(blocks[block], newer);
      CAES_KEEP_ORDER(blocks[block]);
    }
  }
#pragma unroll
  for (int block = 0; block < EARLY_MAX; block++) secrets->early[block] = blocks[block];
  secrets->tag_mask = _mm256_castsi256_si128(edges[0]);
  secrets->last = _mm256_extracti128_si256(edges[0], 1);
  secrets->first = _mm256_extracti128_si256(edges[1], 1);
  return doubled(reversed(edges[1]));
}

/* The powers up to an index of at least 2. */
AVX2_INLINE void make_powers(__m256i hash_key, size_t count, __m256i powers[]) {
  __m128i second = _mm256_castsi256_si128(squared(hash_key));
  powers[1] = in_lanes(second, _mm256_castsi256_si128(hash_key));
  powers[2] = multiplied(powers[1], in_both_lanes(second));
  /* Each by the power of half as many vectors, or one vector more, in both lanes. */
  for (size_t index = 3; index <= count; index++) {
    size_t half = index / 2;
    __m256i whole = in_both_lanes(_mm256_castsi256_si128(powers[half]));
    powers[index] = multiplied(powers[index - half], whole);
  }
}

/* Adds a vector to a sum. */
AVX2_INLINE void add_vector(const State *state, __m256i cipher, size_t power, Sum *sum) {
  add_product(sum, reversed(cipher), state->secrets->powers[power]);
  CAES_KEEP_ORDER(sum->low);
}

/* Adds one, with what came before it. */
AVX2_INLINE void add_hash(State *state, __m256i cipher, size_t power, Sum *sum) {
  __m256i hash = _mm256_zextsi128_si256(state->hash);
  add_product(sum, _mm256_xor_si256(reversed(cipher), hash), state->secrets->powers[power]);
  state->hash = _mm_setzero_si128();
  CAES_KEEP_ORDER(sum->low);
}

AVX2_INLINE __m256i cipher_at(const uint8_t *bytes, size_t index) {
  return _mm256_loadu_si256((const __m256i *)bytes + index);
}

/* Makes keystream for a stride, and hashes one that lies at `hashes` while it waits for that. */
AVX2_INLINE void make_keystream(State *state, __m256i blocks[STRIDE], const uint8_t *hashes) {
  const int rounds = state->is_long ? 14 : 10;
  CAES_KEEP_THERE(state->secrets);
  const __m128i *keys = state->secrets->keys;
  Sum sum = no_sum();
#pragma unroll
  for (int block = 0; block < STRIDE; block++)
    blocks[block] = _mm256_xor_si256(take_counters(&state->counters), in_both_lanes(keys[0]));
#pragma unroll
  for (int index = 1; index < rounds; index++) {
    __m256i key = in_both_lanes(keys[index]);
#pragma unroll
    for (int block = 0; block < STRIDE; block++) {
      blocks[block] = _mm256_aesenc_epi128(blocks[block], key);
      CAES_KEEP_ORDER(blocks[block]);
    }
    /* The first vector last, as it waits for the hash of the stride before. */
    if (hashes && index < STRIDE)
      add_vector(state, cipher_at(hashes, (size_t)index), (size_t)(STRIDE - index), &sum);
    if (hashes && index == STRIDE) add_hash(state, cipher_at(hashes, 0), STRIDE, &sum);
  }
  if (hashes) state->hash = folded(reduced(sum));
#pragma unroll
  for (int block = 0; block < STRIDE; block++)
    blocks[block] = _mm256_aesenclast_epi128(blocks[block], in_both_lanes(keys[rounds]));
}

/* Seals or opens a stride, and hashes the ciphertext at `hashes`. */
AVX2_INLINE void process_stride(State *state, const uint8_t *hashes) {
  __m256i keystream[STRIDE];
  make_keystream(state, keystream, hashes);
#pragma unroll
  for (int vector = 0; vector < STRIDE; vector++) {
    __m256i *place = (__m256i *)state->bytes + vector;
    _mm256_storeu_si256(place, _mm256_xor_si256(_mm256_loadu_si256(place), keystream[vector]));
  }
  state->bytes += sizeof keystream;
}

/* Opening hashes what it is about to replace; sealing, what it made a stride before, the last of which it adds to
   a sum in front of one vector more. */
AVX2_INLINE void process_strides(State *state, size_t strides, Sum *sum) {
  const size_t size = 32 * STRIDE;
  if (!state->opens) process_stride(state, NULL), strides--;
  for (; strides > 0; strides--)
    process_stride(state, state->opens ? state->bytes : state->bytes - size);
  if (state->opens) return;
#pragma unroll
  for (size_t vector = 0; vector < STRIDE; vector++)
    add_hash(state, cipher_at(state->bytes - size, vector), STRIDE + 1 - vector, sum);
}

/* Of the bytes of a block, the first ones all set. */
AVX2_INLINE __m128i first_bytes(size_t count) {
  const __m128i numbers = _mm_set_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  return _mm_cmpgt_epi8(_mm_set1_epi8((char)count), numbers);
}

/* Seals or opens the next block, of which so many bytes are content; gives the ciphertext. There are 16 bytes to
   read and write, as the tag's room is behind the content; what isn't content stays. */
AVX2_INLINE __m128i process_block(State *state, __m128i keystream, size_t count) {
  __m128i *place = (__m128i *)state->bytes, mask = first_bytes(count);
  __m128i given = _mm_loadu_si128(place);
  __m128i text = _mm_xor_si128(given, _mm_and_si128(keystream, mask));
  _mm_storeu_si128(place, text);
  state->bytes += count;
  return _mm_and_si128(state->opens ? given : text, mask);
}

/* Which makes one block with zeros. */
AVX2_INLINE __m128i header_block(const Record *record) {
  const uint8_t *header = record->content - record->header_count;
  uint64_t early = 0, late = 0;
  if (record->header_count == caes_header_count) {
    __builtin_memcpy(&early, header, caes_header_count);
  } else {
    __builtin_memcpy(&early, header, 8);
    __builtin_memcpy(&late, header + 8, caes_long_header_count - 8);
  }
  return _mm_set_epi64x((long long)late, (long long)early);
}

AVX2_INLINE __m128i lengths_block(const Record *record) {
  return _mm_set_epi64x(
    (long long)__builtin_bswap64(8 * record->count), (long long)__builtin_bswap64(8 * record->header_count));
}

/* The header and the vectors before strides; `power` is the first one's. */
AVX2_INLINE void process_early(State *state, const Record *record, size_t power, Sum *sum) {
  __m128i header = header_block(record);
  __m256i first = in_lanes(_mm_setzero_si128(), header);
  if (record->is_first_apart) first = in_lanes(header, process_block(state, state->secrets->first, 16));
  add_hash(state, first, power, sum);
  for (size_t vector = 0; vector < record->early; vector++) {
    __m256i *place = (__m256i *)state->bytes;
    __m256i given = _mm256_loadu_si256(place);
    __m256i text = _mm256_xor_si256(given, state->secrets->early[vector]);
    _mm256_storeu_si256(place, text);
    state->bytes += 32;
    add_hash(state, state->opens ? given : text, --power, sum);
  }
}

/* All of the content; gives the hash of it and the lengths. */
AVX2_INLINE __m128i process_all(State *state, const Record *record) {
  Sum sum = no_sum();
  __m128i last = header_block(record);
  if (record->blocks > 0) {
    process_early(state, record, record->early + (record->strides > 0 ? 1 : 2), &sum);
    if (record->strides > 0) {
      state->hash = folded(reduced(sum));
      sum = no_sum();
      process_strides(state, record->strides, &sum);
    }
    last = process_block(state, state->secrets->last, record->count - 16 * (record->blocks - 1));
  }
  add_hash(state, in_lanes(last, lengths_block(record)), 1, &sum);
  return _mm256_castsi256_si128(reversed(_mm256_castsi128_si256(folded(reduced(sum)))));
}

/* Writes the tag; or compares it, in a time that doesn't depend on where they differ. */
AVX2_INLINE bool end_record(__m128i *place, __m128i given, bool opens, __m128i tag) {
  if (!opens) {
    _mm_storeu_si128(place, tag);
    return true;
  }
  __m128i difference = _mm_xor_si128(tag, given);
  return _mm_testz_si128(difference, difference);
}

AVX2_INLINE bool any_record(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *bytes, size_t header_count, size_t count,
  bool opens) {
  Secrets secrets;
  Record record = make_record(bytes, header_count, count);
  __m128i *place = (__m128i *)(record.content + count), given = _mm_loadu_si128(place);
  State state = {
    .secrets = &secrets, .hash = _mm_setzero_si128(), .bytes = record.content, .is_long = is_long, .opens = opens};
  __m256i hash_key = start(key, is_long, nonce, &record, &state, &secrets);
  make_powers(hash_key, record.strides > 0 ? STRIDE + 1 : record.early + 2, secrets.powers);
  __m128i tag = _mm_xor_si128(process_all(&state, &record), secrets.tag_mask);
  return end_record(place, given, opens, tag);
}

CAES_CLEAR_REGISTERS AVX2 void caes_avx2_seal(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count) {
  if (is_long)
    any_record(key, true, nonce, record, header_count, count, false);
  else
    any_record(key, false, nonce, record, header_count, count, false);
}

CAES_CLEAR_REGISTERS AVX2 bool caes_avx2_open(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count) {
  return is_long ? any_record(key, true, nonce, record, header_count, count, true)
                 : any_record(key, false, nonce, record, header_count, count, true);
}
#endif
