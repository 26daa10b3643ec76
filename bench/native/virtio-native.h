// The structure of the TypeScript virtio driver, in C++: a received buffer is replaced in place, where only its address
// changes, and published in blocks of 32; sent packets are taken back in bulk, when the ring or the pool runs short.
#pragma once
#include "native-pool.h"
#include "virtio-rings.h"

namespace bench {

constexpr uint32_t kPublishBlock = 32;
constexpr uint32_t kBufferLength = NativePool::kDataSize + kNetHeader;

/// Clears the header in front of a packet.
inline void ClearHeader(NativePool& pool, uint32_t packet) { std::memset(pool.Data(packet) - kNetHeader, 0, kNetHeader); }

class NativeSplitReceiver {
 public:
  NativeSplitReceiver(SplitQueue queue, NativePool& pool) : queue_(queue), pool_(pool), shadow_(queue.size) {
    queue.available[0] = 1; // no interrupts
    pool.Take(shadow_.data(), queue.size);
    for (uint32_t id = 0; id < queue.size; id++) {
      queue.table[id] = {pool.address[shadow_[id]] - kNetHeader, kBufferLength, kDeviceWrites, 0};
      queue.available[2 + id] = Low(id);
    }
    available_ = Low(queue.size);
    Publish();
  }

  uint32_t Receive(uint32_t* packets, uint32_t limit) {
    const uint32_t mask = queue_.size - 1;
    uint32_t there = static_cast<uint16_t>(Load(queue_.used[1]) - used_);
    if (there > queue_.size) std::abort();
    if (there > limit) there = limit;
    if (there > pool_.top) there = pool_.top;
    uint32_t fresh[256];
    pool_.Take(fresh, there);
    uint32_t count = 0;
    for (uint32_t i = 0; i < there; i++) {
      const SplitQueue::UsedElement element = queue_.elements[used_++ & mask];
      const uint32_t length = element.length - kNetHeader;
      if (element.id > mask || length - 1 >= NativePool::kDataSize) std::abort();
      const uint32_t packet = shadow_[element.id];
      pool_.length[packet] = Low(length);
      packets[count++] = packet;
      shadow_[element.id] = fresh[i];
      queue_.table[element.id].address = pool_.address[fresh[i]] - kNetHeader;
      queue_.available[2 + (available_++ & mask)] = Low(element.id);
    }
    if (static_cast<uint16_t>(available_ - published_) >= kPublishBlock) Publish();
    return count;
  }

 private:
  void Publish() {
    published_ = available_;
    Store(queue_.available[1], available_);
    FullFence();
    if (Load(queue_.used[0]) & 1) return;
    notifications_++;
  }

  SplitQueue queue_;
  NativePool& pool_;
  std::vector<uint32_t> shadow_;
  uint16_t available_ = 0;
  uint16_t published_ = 0;
  uint16_t used_ = 0;
  uint32_t notifications_ = 0;
};

class NativeSplitTransmitter {
 public:
  NativeSplitTransmitter(SplitQueue queue, NativePool& pool) : queue_(queue), pool_(pool), shadow_(queue.size), ids_(queue.size) {
    queue.available[0] = 1;
    for (uint32_t id = 0; id < queue.size; id++) ids_[id] = queue.size - 1 - id;
    top_ = queue.size;
  }

  uint32_t Transmit(const uint32_t* packets, uint32_t count) {
    if (top_ < count || pool_.top < kPublishBlock) TakeBack();
    if (count > top_) count = top_;
    if (count == 0) return 0;
    const uint32_t mask = queue_.size - 1;
    for (uint32_t i = 0; i < count; i++) {
      const uint32_t packet = packets[i];
      const uint32_t id = ids_[--top_];
      ClearHeader(pool_, packet);
      queue_.table[id] = {pool_.address[packet] - kNetHeader, pool_.length[packet] + kNetHeader, 0, 0};
      queue_.available[2 + (available_++ & mask)] = Low(id);
      shadow_[id] = packet;
    }
    Store(queue_.available[1], available_);
    FullFence();
    if ((Load(queue_.used[0]) & 1) == 0) notifications_++;
    return count;
  }

 private:
  void TakeBack() {
    const uint32_t mask = queue_.size - 1;
    const uint32_t there = static_cast<uint16_t>(Load(queue_.used[1]) - used_);
    if (there > queue_.size) std::abort();
    for (uint32_t i = 0; i < there; i++) {
      const uint32_t id = queue_.elements[used_++ & mask].id;
      if (id > mask) std::abort();
      pool_.Give(&shadow_[id], 1);
      ids_[top_++] = id;
    }
  }

  SplitQueue queue_;
  NativePool& pool_;
  std::vector<uint32_t> shadow_;
  std::vector<uint32_t> ids_;
  uint32_t top_;
  uint16_t available_ = 0;
  uint16_t used_ = 0;
  uint32_t notifications_ = 0;
};

/// A place in a packed ring, and the flags that make a descriptor available there in this lap.
struct PackedPlace {
  uint32_t size;
  uint32_t index = 0;
  uint16_t flags = kAvailable;

  void Advance() {
    if (++index != size) return;
    index = 0;
    flags ^= kAvailable | kUsed;
  }
};

/// Whether the descriptor at `place` has been used in the lap in which `place.flags` made it available.
inline bool IsUsed(const PackedQueue& queue, const PackedPlace& place) {
  const uint32_t both = place.flags & kAvailable ? kAvailable | kUsed : 0;
  return (Load(queue.ring[place.index].flags) & (kAvailable | kUsed)) == both;
}

class NativePackedReceiver {
 public:
  NativePackedReceiver(PackedQueue queue, NativePool& pool) : queue_(queue), pool_(pool), place_{queue.size}, shadow_(queue.size) {
    queue.driver_event[1] = 1; // no interrupts
    pool.Take(shadow_.data(), queue.size);
    for (uint32_t id = 0; id < queue.size; id++) Arm(queue.ring[id], id, shadow_[id], kAvailable);
  }

  /// A used descriptor is made available again where it lies, which is where the next lap begins.
  uint32_t Receive(uint32_t* packets, uint32_t limit) {
    if (limit > pool_.top) limit = pool_.top;
    uint32_t count = 0;
    while (count < limit && IsUsed(queue_, place_)) {
      PackedQueue::Descriptor& descriptor = queue_.ring[place_.index];
      const uint32_t id = descriptor.id;
      const uint32_t length = descriptor.length - kNetHeader;
      if (id >= queue_.size || length - 1 >= NativePool::kDataSize) std::abort();
      const uint32_t packet = shadow_[id];
      pool_.length[packet] = Low(length);
      packets[count++] = packet;
      pool_.Take(&shadow_[id], 1);
      Arm(descriptor, id, shadow_[id], place_.flags ^ (kAvailable | kUsed));
      place_.Advance();
    }
    pending_ += count;
    if (pending_ >= kPublishBlock) Notify();
    return count;
  }

 private:
  void Arm(PackedQueue::Descriptor& descriptor, uint32_t id, uint32_t packet, uint32_t flags) {
    descriptor.address = pool_.address[packet] - kNetHeader;
    descriptor.length = kBufferLength;
    descriptor.id = Low(id);
    Store(descriptor.flags, Low(kDeviceWrites | flags));
  }

  void Notify() {
    pending_ = 0;
    FullFence();
    if ((Load(queue_.device_event[1]) & 3) != 1) notifications_++;
  }

  PackedQueue queue_;
  NativePool& pool_;
  PackedPlace place_;
  std::vector<uint32_t> shadow_;
  uint32_t pending_ = 0;
  uint32_t notifications_ = 0;
};

class NativePackedTransmitter {
 public:
  NativePackedTransmitter(PackedQueue queue, NativePool& pool)
      : queue_(queue), pool_(pool), place_{queue.size}, oldest_{queue.size}, shadow_(queue.size), ids_(queue.size) {
    queue.driver_event[1] = 1;
    for (uint32_t id = 0; id < queue.size; id++) ids_[id] = queue.size - 1 - id;
    top_ = queue.size;
  }

  uint32_t Transmit(const uint32_t* packets, uint32_t count) {
    if (top_ < count || pool_.top < kPublishBlock) TakeBack();
    if (count > top_) count = top_;
    if (count == 0) return 0;
    for (uint32_t i = 0; i < count; i++) {
      const uint32_t packet = packets[i];
      const uint32_t id = ids_[--top_];
      ClearHeader(pool_, packet);
      PackedQueue::Descriptor& descriptor = queue_.ring[place_.index];
      descriptor.address = pool_.address[packet] - kNetHeader;
      descriptor.length = pool_.length[packet] + kNetHeader;
      descriptor.id = Low(id);
      Store(descriptor.flags, place_.flags);
      shadow_[id] = packet;
      place_.Advance();
    }
    FullFence();
    if ((Load(queue_.device_event[1]) & 3) != 1) notifications_++;
    return count;
  }

 private:
  void TakeBack() {
    while (top_ < queue_.size && IsUsed(queue_, oldest_)) {
      const uint32_t id = queue_.ring[oldest_.index].id;
      if (id >= queue_.size) std::abort();
      pool_.Give(&shadow_[id], 1);
      ids_[top_++] = id;
      oldest_.Advance();
    }
  }

  PackedQueue queue_;
  NativePool& pool_;
  PackedPlace place_;
  PackedPlace oldest_;
  std::vector<uint32_t> shadow_;
  std::vector<uint32_t> ids_;
  uint32_t top_;
  uint32_t notifications_ = 0;
};

struct NativeSplit {
  using Layout = SplitQueue;
  using Device = SplitDevice;
  using Receiver = NativeSplitReceiver;
  using Transmitter = NativeSplitTransmitter;
};

struct NativePacked {
  using Layout = PackedQueue;
  using Device = PackedDevice;
  using Receiver = NativePackedReceiver;
  using Transmitter = NativePackedTransmitter;
};

template <typename Rings>
class VirtioNative {
 public:
  VirtioNative(uint32_t ring_size, uint32_t packets, uint32_t batch)
      : batch_(batch), pool_(packets), receive_memory_(Allocate(Rings::Layout::Bytes(ring_size))),
        transmit_memory_(Allocate(Rings::Layout::Bytes(ring_size))), burst_(batch),
        receiver_(Rings::Layout::At(receive_memory_.get(), ring_size), pool_),
        transmitter_(Rings::Layout::At(transmit_memory_.get(), ring_size), pool_),
        receive_device_(Rings::Layout::At(receive_memory_.get(), ring_size)),
        transmit_device_(Rings::Layout::At(transmit_memory_.get(), ring_size)) {}

  void Complete(uint32_t count) {
    transmit_device_.Use(UINT32_MAX, 0);
    receive_device_.Use(count, kFrameLength + kNetHeader);
  }

  __attribute__((noinline)) void Drain(uint32_t count) {
    for (uint32_t done = 0; done < count;) {
      const uint32_t received = receiver_.Receive(burst_.data(), batch_);
      for (uint32_t i = 0; i < received; i++) pool_.Data(burst_[i])[6]++;
      const uint32_t sent = transmitter_.Transmit(burst_.data(), received);
      pool_.Give(burst_.data() + sent, received - sent);
      done += received;
    }
  }

 private:
  uint32_t batch_;
  NativePool pool_;
  Memory receive_memory_;
  Memory transmit_memory_;
  std::vector<uint32_t> burst_;
  typename Rings::Receiver receiver_;
  typename Rings::Transmitter transmitter_;
  typename Rings::Device receive_device_;
  typename Rings::Device transmit_device_;
};

} // namespace bench
