// A virtio-net driver as it is usually written in C: a header is cleared in front of every packet, whole descriptors are
// written each time, free ones form a list, buffers are replaced one by one. The bursts are reached through the device's
// table of operations (noinline), and rings are volatile.
#pragma once
#include "classic-pool.h"
#include "virtio-rings.h"

namespace bench {

/// Descriptors of a split queue: the free ones are chained through their `next`.
class ClassicSplitQueue {
 public:
  using Layout = SplitQueue;
  using Device = SplitDevice;

  explicit ClassicSplitQueue(SplitQueue queue) : queue_(queue), free_count_(queue.size) {
    for (uint32_t i = 0; i < queue.size; i++) queue.table[i].next = Low(i + 1);
    queue.available[0] = 1; // no interrupts
  }

  bool Full() const { return free_count_ == 0; }

  uint32_t Add(uint64_t address, uint32_t length, uint16_t flags) {
    const uint16_t id = free_;
    volatile SplitQueue::Descriptor& descriptor = queue_.table[id];
    free_ = descriptor.next;
    free_count_--;
    descriptor.address = address;
    descriptor.length = length;
    descriptor.flags = flags;
    const_cast<volatile uint16_t*>(queue_.available)[2 + (available_++ & (queue_.size - 1))] = id;
    return id;
  }

  /// Whether the device wants to be notified.
  bool Publish() {
    Store(queue_.available[1], available_);
    FullFence();
    return (Load(queue_.used[0]) & 1) == 0;
  }

  bool Take(uint32_t* id, uint32_t* length) {
    if (Load(queue_.used[1]) == used_) return false;
    const volatile SplitQueue::UsedElement& element = queue_.elements[used_++ & (queue_.size - 1)];
    *id = element.id;
    *length = element.length;
    queue_.table[*id].next = free_;
    free_ = Low(*id);
    free_count_++;
    return true;
  }

 private:
  SplitQueue queue_;
  uint32_t free_count_;
  uint16_t free_ = 0;
  uint16_t available_ = 0;
  uint16_t used_ = 0;
};

/// Descriptors of a packed queue: buffer ids come from a stack.
class ClassicPackedQueue {
 public:
  using Layout = PackedQueue;
  using Device = PackedDevice;

  explicit ClassicPackedQueue(PackedQueue queue) : queue_(queue), ids_(queue.size) {
    for (uint32_t i = 0; i < queue.size; i++) ids_[i] = Low(i);
    queue.driver_event[1] = 1; // no interrupts
  }

  bool Full() const { return ids_.empty(); }

  uint32_t Add(uint64_t address, uint32_t length, uint16_t flags) {
    const uint16_t id = ids_.back();
    ids_.pop_back();
    volatile PackedQueue::Descriptor& descriptor = queue_.ring[index_];
    descriptor.address = address;
    descriptor.length = length;
    descriptor.id = id;
    Store(queue_.ring[index_].flags, Low(flags | (wrap_ ? kAvailable : kUsed)));
    if (++index_ == queue_.size) {
      index_ = 0;
      wrap_ = !wrap_;
    }
    return id;
  }

  bool Publish() {
    FullFence();
    return (Load(queue_.device_event[1]) & 3) != 1;
  }

  bool Take(uint32_t* id, uint32_t* length) {
    const uint16_t flags = Load(queue_.ring[used_].flags);
    if (((flags & kAvailable) != 0) != used_wrap_ || ((flags & kUsed) != 0) != used_wrap_) return false;
    const volatile PackedQueue::Descriptor& descriptor = queue_.ring[used_];
    *id = descriptor.id;
    *length = descriptor.length;
    ids_.push_back(Low(*id));
    if (++used_ == queue_.size) {
      used_ = 0;
      used_wrap_ = !used_wrap_;
    }
    return true;
  }

 private:
  PackedQueue queue_;
  std::vector<uint16_t> ids_;
  uint32_t index_ = 0;
  uint32_t used_ = 0;
  bool wrap_ = true;
  bool used_wrap_ = true;
};

template <typename Queue>
class VirtioClassic {
 public:
  VirtioClassic(uint32_t ring_size, uint32_t packets, uint32_t batch)
      : batch_(batch), pool_(packets), memory_(Allocate(2 * Distance(ring_size))), burst_(batch), received_(ring_size),
        sent_(ring_size), receive_(Queue::Layout::At(memory_.get(), ring_size)),
        transmit_(Queue::Layout::At(memory_.get() + Distance(ring_size), ring_size)),
        receive_device_(Queue::Layout::At(memory_.get(), ring_size)),
        transmit_device_(Queue::Layout::At(memory_.get() + Distance(ring_size), ring_size)) {
    while (!receive_.Full()) Arm(pool_.AllocatePacket());
    receive_.Publish();
  }

  void Complete(uint32_t count) {
    transmit_device_.Use(UINT32_MAX, 0);
    receive_device_.Use(count, kFrameLength + kNetHeader);
  }

  __attribute__((noinline)) void Drain(uint32_t count) {
    for (uint32_t done = 0; done < count;) {
      const uint32_t received = Receive(burst_.data(), batch_);
      for (uint32_t i = 0; i < received; i++) burst_[i]->data[6]++;
      const uint32_t sent = Transmit(burst_.data(), received);
      for (uint32_t i = sent; i < received; i++) pool_.FreePacket(burst_[i]);
      done += received;
    }
  }

 private:
  using Packet = ClassicPool::Packet;

  static size_t Distance(uint32_t size) { return (Queue::Layout::Bytes(size) + 4095) / 4096 * 4096; }

  static uint64_t HeaderOf(const Packet* packet) { return packet->address + offsetof(Packet, data) - kNetHeader; }

  void Arm(Packet* packet) {
    received_[receive_.Add(HeaderOf(packet), ClassicPool::kDataSize + kNetHeader, kDeviceWrites)] = packet;
  }

  __attribute__((noinline)) uint32_t Receive(Packet** packets, uint32_t limit) {
    uint32_t count = 0;
    uint32_t id;
    uint32_t length;
    while (count < limit && receive_.Take(&id, &length)) {
      Packet* packet = received_[id];
      packet->length = length - kNetHeader;
      packets[count++] = packet;
      Packet* fresh = pool_.AllocatePacket();
      if (!fresh) break;
      Arm(fresh);
    }
    if (count && receive_.Publish()) std::abort();
    return count;
  }

  __attribute__((noinline)) uint32_t Transmit(Packet** packets, uint32_t count) {
    uint32_t id;
    uint32_t length;
    while (transmit_.Take(&id, &length)) pool_.FreePacket(sent_[id]);
    uint32_t sent = 0;
    for (; sent < count && !transmit_.Full(); sent++) {
      Packet* packet = packets[sent];
      std::memset(packet->data - kNetHeader, 0, kNetHeader);
      sent_[transmit_.Add(HeaderOf(packet), packet->length + kNetHeader, 0)] = packet;
    }
    if (sent && transmit_.Publish()) std::abort();
    return sent;
  }

  uint32_t batch_;
  ClassicPool pool_;
  Memory memory_;
  std::vector<Packet*> burst_;
  std::vector<Packet*> received_;
  std::vector<Packet*> sent_;
  Queue receive_;
  Queue transmit_;
  typename Queue::Device receive_device_;
  typename Queue::Device transmit_device_;
};

} // namespace bench
