// SPDX-License-Identifier: Apache-2.0
// The program's allocator is jemalloc: librdkafka allocates some seven times a record (its message, each
// header), which with the C library's allocator takes as long as everything else that it does.
#include <jemalloc/jemalloc.h>

// Few threads allocate at the same time, so few arenas; what was needed for a burst goes back to the system.
extern "C" {
const char* malloc_conf = "narenas:2,dirty_decay_ms:2000,muzzy_decay_ms:0";
}
