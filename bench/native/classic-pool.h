// Packets as a userspace driver in C usually has them: a packet is a pointer to a buffer whose first cache line holds its
// metadata, buffers lie 2048 bytes apart, and the pool is a stack of indices. Such a driver is a library, and the pool's
// functions are another file's: the noinline marks stand for that border.
#pragma once
#include <vector>

#include "memory.h"

namespace bench {

class ClassicPool {
 public:
  struct Packet {
    uint64_t address;
    ClassicPool* pool;
    uint32_t index;
    uint32_t length;
    uint8_t head_room[40];
    uint8_t data[];
  };
  static_assert(sizeof(Packet) == 64, "the metadata fill one cache line");

  static constexpr uint32_t kDataSize = 2048 - sizeof(Packet);

  explicit ClassicPool(uint32_t packets) : memory_(Allocate(size_t{packets} * kBufferSize)), free_(packets), top_(packets) {
    for (uint32_t i = 0; i < packets; i++) {
      auto* packet = reinterpret_cast<Packet*>(memory_.get() + size_t{i} * kBufferSize);
      packet->address = reinterpret_cast<uint64_t>(packet);
      packet->index = i;
      free_[i] = i;
    }
  }

  __attribute__((noinline)) Packet* AllocatePacket() {
    if (top_ == 0) return nullptr;
    return reinterpret_cast<Packet*>(memory_.get() + size_t{free_[--top_]} * kBufferSize);
  }

  __attribute__((noinline)) void FreePacket(Packet* packet) { free_[top_++] = packet->index; }

 private:
  static constexpr size_t kBufferSize = 2048;

  Memory memory_;
  std::vector<uint32_t> free_;
  uint32_t top_;
};

} // namespace bench
