/* AES-GCM, four blocks an instruction.

   A record is one sequence of blocks: as many empty ones as make the count a multiple of four, the header (the
   additional data), the content, the lengths. Empty ones in front don't change a GHASH, and with the header's
   block at counter 1, whose keystream masks the tag, the content's counters come out right. So every vector
   has the same shape; the first has the header in one of its lanes, the last the lengths in its last. */
#include "gcm_avx512.h"

#if CAES_X86

/* What a record's vectors have in common. */
typedef struct Record {
  uint8_t *content;
  size_t header_count, count;
  size_t vectors;
  /* The header's lane in the first vector, and the blocks of the first vectors' beginning. */
  unsigned lane;
  uint8_t *start;
  /* Content's bytes of the first and the last vector. */
  __mmask64 first, last;
} Record;

/* Hash keys: the powers 4, 8, 12 and 16 in every lane, and 4, 3, 2, 1. */
typedef struct Powers {
  __m512i by_vectors[LANES + 1];
  __m512i by_lanes;
} Powers;

/* Of a record that takes more than one round of vectors: what is secret and in memory. */
typedef struct Secrets {
  __m512i keys[15];
  Powers powers;
  __m128i tag_mask;
} Secrets;

AVX512_INLINE Record make_record(uint8_t *record, size_t header_count, size_t count) {
  size_t blocks = (count + 15) / 16 + 2;
  size_t vectors = (blocks + LANES - 1) / LANES;
  unsigned lane = (unsigned)(LANES * vectors - blocks);
  uint8_t *content = record + header_count;
  size_t end = 16 * (lane + 1) + count - 64 * (vectors - 1);
  return (Record){
    .content = content,
    .header_count = header_count,
    .count = count,
    .vectors = vectors,
    .lane = lane,
    .start = content - 16 * (lane + 1),
    .first = ~0ull << (16 * lane) << 16,
    .last = (1ull << end) - 1,
  };
}

AVX512_INLINE __mmask64 content_mask(const Record *record, bool is_first, bool is_last) {
  return (is_first ? record->first : ~0ull) & (is_last ? record->last : ~0ull);
}

/* The first vector's counter blocks, their counters in the machine's order of bytes; the header's is 1. They
   can't wrap: see caes_count_max. */
AVX512_INLINE __m512i first_counters(const uint8_t *nonce, const Record *record) {
  uint32_t early;
  uint64_t late;
  __builtin_memcpy(&early, nonce, 4);
  __builtin_memcpy(&late, nonce + 4, 8);
  __m128i block = _mm_set_epi64x((long long)(late >> 32), (long long)(late << 32 | early));
  __m512i lanes = _mm512_set_epi32(3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
  __m512i offset = _mm512_maskz_set1_epi32(0x8888, 1 - (int)record->lane);
  return _mm512_add_epi32(_mm512_broadcast_i32x4(block), _mm512_add_epi32(lanes, offset));
}

/* Makes counter blocks of the next vectors, and moves the counters on. */
AVX512_INLINE void take_counters(__m512i *counters, __m512i blocks[], int vectors) {
  const __m128i order = _mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i step = _mm512_maskz_set1_epi32(0x8888, LANES);
#pragma unroll
  for (int vector = 0; vector < vectors; vector++) {
    blocks[vector] = _mm512_shuffle_epi8(*counters, _mm512_broadcast_i32x4(order));
    *counters = _mm512_add_epi32(*counters, step);
  }
}

/* Makes keystream of counter blocks, and the hash key, while the key is expanded: a round takes longer to
   expand than to apply. Round keys are kept where `keys` isn't null. */
AVX512_INLINE __m512i start_keystream(
  const uint8_t *key, bool is_long, __m512i blocks[], int vectors, __m512i *keys) {
  const int rounds = is_long ? 14 : 10;
  __m512i older = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)key));
  __m512i newer = is_long ? _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)key + 1)) : older;
  __m512i hash_key = older;
  if (keys) keys[0] = older;
#pragma unroll
  for (int vector = 0; vector < vectors; vector++) blocks[vector] = _mm512_xor_si512(blocks[vector], older);
#pragma unroll
  for (int index = 1; index <= rounds; index++) {
    if (!is_long || index > 1) {
      __m512i next = next_round_key(older, newer, index, is_long);
      older = is_long ? newer : next;
      newer = next;
    }
    if (keys) keys[index] = newer;
    if (index < rounds) {
      hash_key = _mm512_aesenc_epi128(hash_key, newer);
#pragma unroll
      for (int vector = 0; vector < vectors; vector++)
        blocks[vector] = _mm512_aesenc_epi128(blocks[vector], newer);
    } else {
      hash_key = _mm512_aesenclast_epi128(hash_key, newer);
#pragma unroll
      for (int vector = 0; vector < vectors; vector++)
        blocks[vector] = _mm512_aesenclast_epi128(blocks[vector], newer);
    }
  }
  return doubled(reversed(hash_key));
}

/* Powers that a hash over so many vectors takes. */
AVX512_INLINE Powers make_powers(__m512i hash_key, int vectors) {
  Powers powers;
  __m512i second = squared(hash_key);
  __m512i pair = _mm512_mask_mov_epi64(hash_key, 0x33, second);
  powers.by_lanes = _mm512_mask_mov_epi64(pair, 0x0f, multiplied(second, pair));
  if (vectors > 1) powers.by_vectors[1] = squared(second);
  if (vectors > 2) powers.by_vectors[2] = squared(powers.by_vectors[1]);
  if (vectors > 3) powers.by_vectors[3] = multiplied(powers.by_vectors[1], powers.by_vectors[2]);
  if (vectors > 4) powers.by_vectors[4] = squared(powers.by_vectors[2]);
  return powers;
}

/* Makes four more vectors of keystream while those that came before are hashed, which waits for other things:
   `hashes[0]` has what came before them in it. Gives their hash. */
AVX512_INLINE __m512i make_keystream(
  const Secrets *secrets, bool is_long, __m512i blocks[LANES], const __m512i hashes[LANES]) {
  const int rounds = is_long ? 14 : 10;
  CAES_KEEP_THERE(secrets);
  const __m512i *powers = secrets->powers.by_vectors;
  Sum sum = product(hashes[0], powers[LANES]);
#pragma unroll
  for (int vector = 0; vector < LANES; vector++)
    blocks[vector] = _mm512_xor_si512(blocks[vector], secrets->keys[0]);
#pragma unroll
  for (int index = 1; index < rounds; index++) {
    __m512i key = secrets->keys[index];
#pragma unroll
    for (int vector = 0; vector < LANES; vector++) {
      blocks[vector] = _mm512_aesenc_epi128(blocks[vector], key);
      CAES_KEEP_ORDER(blocks[vector]);
    }
    if (index % 2 == 0 && index / 2 < LANES)
      sum = add(sum, product(hashes[index / 2], powers[LANES - index / 2]));
  }
  __m512i hash = reduced(sum);
#pragma unroll
  for (int vector = 0; vector < LANES; vector++)
    blocks[vector] = _mm512_aesenclast_epi128(blocks[vector], secrets->keys[rounds]);
  return hash;
}

/* The hash of the last vectors; `hashes[0]` has what came before in it. */
AVX512_INLINE __m128i finished(const __m512i hashes[], int vectors, const Powers *powers) {
  __m512i last = hashes[vectors - 1];
  if (vectors > 1) {
    Sum sum = product(hashes[0], powers->by_vectors[vectors - 1]);
#pragma unroll
    for (int vector = 1; vector < vectors - 1; vector++)
      sum = add(sum, product(hashes[vector], powers->by_vectors[vectors - 1 - vector]));
    last = _mm512_xor_si512(last, reduced(sum));
  }
  return _mm512_castsi512_si128(reversed(folded(multiplied(last, powers->by_lanes))));
}

/* Where vectors are in the sequence. */
typedef struct Place {
  uint8_t *bytes;
  int vectors;
  bool is_first, is_last;
} Place;

/* Loads content's vectors, and gives what GHASH takes: ciphertext, header, lengths. `texts` becomes what is to
   be stored. */
AVX512_INLINE void process(
  const Record *record, Place place, bool opens, const __m512i keystream[], __m512i texts[],
  __m512i hashes[]) {
#pragma unroll
  for (int vector = 0; vector < place.vectors; vector++) {
    bool is_first = place.is_first && vector == 0, is_last = place.is_last && vector == place.vectors - 1;
    __mmask64 mask = content_mask(record, is_first, is_last);
    __m512i given = _mm512_maskz_loadu_epi8(mask, place.bytes + 64 * vector);
    texts[vector] = _mm512_xor_si512(given, keystream[vector]);
    __m512i cipher = opens ? given : _mm512_maskz_mov_epi8(mask, texts[vector]);
    if (is_first) {
      __mmask16 header_mask = (__mmask16)((1u << record->header_count) - 1);
      __m128i header = _mm_maskz_loadu_epi8(header_mask, record->content - record->header_count);
      cipher = _mm512_mask_broadcast_i32x4(cipher, (__mmask16)(0xf << (4 * record->lane)), header);
    }
    hashes[vector] = reversed(cipher);
    if (is_last) {
      __m128i lengths = _mm_set_epi64x(8 * (long long)record->header_count, 8 * (long long)record->count);
      hashes[vector] = _mm512_mask_broadcast_i32x4(hashes[vector], 0xf000, lengths);
    }
  }
}

AVX512_INLINE void store(const Record *record, Place place, const __m512i texts[]) {
#pragma unroll
  for (int vector = 0; vector < place.vectors; vector++) {
    bool is_first = place.is_first && vector == 0, is_last = place.is_last && vector == place.vectors - 1;
    __mmask64 mask = content_mask(record, is_first, is_last);
    _mm512_mask_storeu_epi8(place.bytes + 64 * vector, mask, texts[vector]);
  }
}

/* The header's lane, whose keystream goes over the tag. */
AVX512_INLINE __m128i tag_mask(const Record *record, __m512i keystream) {
  return _mm512_castsi512_si128(_mm512_maskz_compress_epi64((__mmask8)(3 << (2 * record->lane)), keystream));
}

/* Writes the tag; or compares it, in a time that doesn't depend on where they differ. */
AVX512_INLINE bool end_record(const Record *record, bool opens, __m128i tag) {
  __m128i *place = (__m128i *)(record->content + record->count);
  if (!opens) {
    _mm_storeu_si128(place, tag);
    return true;
  }
  __m128i difference = _mm_xor_si128(tag, _mm_loadu_si128(place));
  return _mm_testz_si128(difference, difference);
}

/* Records of so few vectors that all happens in registers: nothing is stored that isn't authentic. */
AVX512_INLINE bool short_record(
  const uint8_t *key, bool is_long, const uint8_t *nonce, const Record *record, int vectors, bool opens) {
  __m512i keystream[LANES], texts[LANES], hashes[LANES];
  Place place = {record->start, vectors, true, true};
  __m512i counters = first_counters(nonce, record);
  take_counters(&counters, keystream, vectors);
  __m512i hash_key = start_keystream(key, is_long, keystream, vectors, NULL);
  Powers powers = make_powers(hash_key, vectors);
  process(record, place, opens, keystream, texts, hashes);
  __m128i hash = finished(hashes, vectors, &powers);
  bool is_right = end_record(record, opens, _mm_xor_si128(hash, tag_mask(record, keystream[0])));
  if (!is_right) return false;
  store(record, place, texts);
  return true;
}

/* What goes from round to round of a longer record: the last vectors' part of the hash is yet to be added. */
typedef struct State {
  __m512i counters;
  __m512i hashes[LANES];
  uint8_t *bytes;
} State;

/* The first of several rounds: so many vectors that those behind come in fours. */
AVX512_INLINE void first_round(
  const uint8_t *key, bool is_long, const Record *record, int vectors, bool opens, State *state,
  Secrets *secrets) {
  __m512i keystream[LANES], texts[LANES];
  Place place = {state->bytes, vectors, true, false};
  take_counters(&state->counters, keystream, vectors);
  __m512i hash_key = start_keystream(key, is_long, keystream, vectors, secrets->keys);
  secrets->powers = make_powers(hash_key, LANES + 1);
  secrets->tag_mask = tag_mask(record, keystream[0]);
#pragma unroll
  for (int vector = 0; vector < LANES - vectors; vector++) state->hashes[vector] = _mm512_setzero_si512();
  process(record, place, opens, keystream, texts, state->hashes + LANES - vectors);
  store(record, place, texts);
  state->bytes += 64 * vectors;
}

AVX512_INLINE void next_round(
  bool is_long, const Record *record, bool is_last, bool opens, State *state, const Secrets *secrets) {
  __m512i keystream[LANES], texts[LANES];
  Place place = {state->bytes, LANES, false, is_last};
  take_counters(&state->counters, keystream, LANES);
  __m512i hash = make_keystream(secrets, is_long, keystream, state->hashes);
  process(record, place, opens, keystream, texts, state->hashes);
  store(record, place, texts);
  state->hashes[0] = _mm512_xor_si512(state->hashes[0], hash);
  state->bytes += 64 * LANES;
}

/* Records of any more vectors. They are opened as they are hashed. */
AVX512_INLINE bool long_record(
  const uint8_t *key, bool is_long, const uint8_t *nonce, const Record *record, bool opens) {
  Secrets secrets;
  State state = {.counters = first_counters(nonce, record), .bytes = record->start};
  switch (record->vectors % LANES) {
  case 1: first_round(key, is_long, record, 1, opens, &state, &secrets); break;
  case 2: first_round(key, is_long, record, 2, opens, &state, &secrets); break;
  case 3: first_round(key, is_long, record, 3, opens, &state, &secrets); break;
  default: first_round(key, is_long, record, 4, opens, &state, &secrets); break;
  }
  for (size_t rounds = (record->vectors - 1) / LANES; rounds > 1; rounds--)
    next_round(is_long, record, false, opens, &state, &secrets);
  next_round(is_long, record, true, opens, &state, &secrets);
  __m128i tag = _mm_xor_si128(finished(state.hashes, LANES, &secrets.powers), secrets.tag_mask);
  return end_record(record, opens, tag);
}

AVX512_INLINE bool any_record(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *bytes, size_t header_count, size_t count,
  bool opens) {
  Record record = make_record(bytes, header_count, count);
  switch (record.vectors) {
  case 1: return short_record(key, is_long, nonce, &record, 1, opens);
  case 2: return short_record(key, is_long, nonce, &record, 2, opens);
  case 3: return short_record(key, is_long, nonce, &record, 3, opens);
  case 4: return short_record(key, is_long, nonce, &record, 4, opens);
  default: return long_record(key, is_long, nonce, &record, opens);
  }
}

CAES_CLEAR_REGISTERS AVX512 void caes_avx512_seal(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count) {
  if (is_long)
    any_record(key, true, nonce, record, header_count, count, false);
  else
    any_record(key, false, nonce, record, header_count, count, false);
}

CAES_CLEAR_REGISTERS AVX512 bool caes_avx512_open(
  const uint8_t *key, bool is_long, const uint8_t *nonce, uint8_t *record, size_t header_count, size_t count) {
  return is_long ? any_record(key, true, nonce, record, header_count, count, true)
                 : any_record(key, false, nonce, record, header_count, count, true);
}
#endif
