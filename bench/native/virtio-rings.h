// Split and packed virtqueues in memory (virtio 1.2, sections 2.7 and 2.8), and the stand-in for the device that completes
// them between timed sections. Contestants lay their queues out in these structures; all are completed by this code.
#pragma once
#include <atomic>

#include "memory.h"

namespace bench {

constexpr uint32_t kNetHeader = 12;
constexpr uint16_t kDeviceWrites = 2;  // WRITE
constexpr uint16_t kAvailable = 1 << 7; // AVAIL, packed
constexpr uint16_t kUsed = 1 << 15;     // USED, packed

/// Indices, ids and lengths have 16 bits.
constexpr uint16_t Low(uint32_t value) { return static_cast<uint16_t>(value); }

/// The index or flags that the other side writes.
inline uint16_t Load(const uint16_t& word) { return *const_cast<const volatile uint16_t*>(&word); }

/// Publishes what was written before.
inline void Store(uint16_t& word, uint16_t value) {
  std::atomic_thread_fence(std::memory_order_release);
  *const_cast<volatile uint16_t*>(&word) = value;
}

/// What was published has reached memory before the other side's wish for notifications is read.
inline void FullFence() { std::atomic_thread_fence(std::memory_order_seq_cst); }

struct SplitQueue {
  struct Descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
  };
  struct UsedElement {
    uint32_t id;
    uint32_t length;
  };

  uint32_t size;
  Descriptor* table;
  uint16_t* available; // flags, idx, ring
  uint16_t* used;      // flags, idx
  UsedElement* elements;

  static size_t Bytes(uint32_t size) { return UsedOffset(size) + 6 + 8 * size; }

  static SplitQueue At(uint8_t* memory, uint32_t size) {
    uint8_t* used = memory + UsedOffset(size);
    return {size, reinterpret_cast<Descriptor*>(memory), reinterpret_cast<uint16_t*>(memory + 16 * size),
            reinterpret_cast<uint16_t*>(used), reinterpret_cast<UsedElement*>(used + 4)};
  }

 private:
  static size_t UsedOffset(uint32_t size) { return (16 * size + 6 + 2 * size + 4095) / 4096 * 4096; }
};

/// The device's side of a split queue.
class SplitDevice {
 public:
  explicit SplitDevice(SplitQueue queue) : queue_(queue) {}

  /// Uses up to `limit` available buffers, and says that it wrote `written` bytes into each.
  void Use(uint32_t limit, uint32_t written) {
    queue_.used[0] = 1; // no notifications
    const uint32_t mask = queue_.size - 1;
    for (uint32_t i = 0; i < limit && seen_ != queue_.available[1]; i++) {
      queue_.elements[used_++ & mask] = {queue_.available[2 + (seen_++ & mask)], written};
    }
    queue_.used[1] = used_;
  }

 private:
  SplitQueue queue_;
  uint16_t seen_ = 0;
  uint16_t used_ = 0;
};

struct PackedQueue {
  struct Descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t id;
    uint16_t flags;
  };

  uint32_t size;
  Descriptor* ring;
  uint16_t* driver_event; // descriptor, flags
  uint16_t* device_event;

  static size_t Bytes(uint32_t size) { return EventOffset(size) + 128; }

  static PackedQueue At(uint8_t* memory, uint32_t size) {
    uint8_t* events = memory + EventOffset(size);
    return {size, reinterpret_cast<Descriptor*>(memory), reinterpret_cast<uint16_t*>(events),
            reinterpret_cast<uint16_t*>(events + 64)};
  }

 private:
  static size_t EventOffset(uint32_t size) { return (16 * size + 63) / 64 * 64; }
};

/// The device's side of a packed queue.
class PackedDevice {
 public:
  explicit PackedDevice(PackedQueue queue) : queue_(queue) {}

  /// Uses up to `limit` available buffers, each where it was made available.
  void Use(uint32_t limit, uint32_t written) {
    queue_.device_event[1] = 1; // no notifications
    for (uint32_t i = 0; i < limit; i++) {
      PackedQueue::Descriptor& descriptor = queue_.ring[index_];
      const bool available = (descriptor.flags & kAvailable) != 0;
      const bool used = (descriptor.flags & kUsed) != 0;
      if (available != wrap_ || used == wrap_) return;
      descriptor.length = written;
      descriptor.flags = Low(wrap_ ? kAvailable | kUsed : 0);
      if (++index_ == queue_.size) {
        index_ = 0;
        wrap_ = !wrap_;
      }
    }
  }

 private:
  PackedQueue queue_;
  uint32_t index_ = 0;
  bool wrap_ = true;
};

} // namespace bench
