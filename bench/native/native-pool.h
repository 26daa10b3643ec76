// Packets as the TypeScript driver has them, in C++: small integers, with their metadata outside of the buffers, which lie
// 2112 bytes apart.
#pragma once
#include <vector>

#include "memory.h"

namespace bench {

class NativePool {
 public:
  static constexpr size_t kStride = 2112;
  static constexpr uint16_t kHeadroom = 64;
  static constexpr uint32_t kDataSize = kStride - kHeadroom;

  explicit NativePool(uint32_t packets)
      : address(packets), length(packets), top(packets), memory_(Allocate(size_t{packets} * kStride)),
        headroom_(packets, kHeadroom), free_(packets) {
    for (uint32_t i = 0; i < packets; i++) {
      address[i] = reinterpret_cast<uint64_t>(memory_.get() + size_t{i} * kStride + kHeadroom);
      free_[i] = packets - 1 - i;
    }
  }

  uint8_t* Data(uint32_t packet) { return memory_.get() + packet * kStride + headroom_[packet]; }

  void Take(uint32_t* target, uint32_t count) {
    uint32_t remaining = top;
    for (uint32_t i = 0; i < count; i++) target[i] = free_[--remaining];
    top = remaining;
  }

  void Give(const uint32_t* source, uint32_t count) {
    uint32_t remaining = top;
    for (uint32_t i = 0; i < count; i++) free_[remaining++] = source[i];
    top = remaining;
  }

  std::vector<uint64_t> address;
  std::vector<uint16_t> length;
  uint32_t top;

 private:
  Memory memory_;
  std::vector<uint16_t> headroom_;
  std::vector<uint32_t> free_;
};

} // namespace bench
