// Memory as every contestant gets it, and what all of them send.
#pragma once
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace bench {

constexpr uint32_t kFrameLength = 60;

/// Zeroed memory, aligned like a huge page so that every contestant has the same luck with cache sets.
struct AlignedDelete {
  void operator()(void* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<uint8_t, AlignedDelete>;

inline Memory Allocate(size_t bytes) {
  constexpr size_t kAlignment = 2 << 20;
  const size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  auto* memory = static_cast<uint8_t*>(std::aligned_alloc(kAlignment, rounded));
  if (memory) {
    madvise(memory, rounded, MADV_HUGEPAGE);
    std::memset(memory, 0, rounded);
  }
  return Memory(memory);
}

} // namespace bench
