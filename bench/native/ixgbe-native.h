// The structure of the TypeScript driver, in C++: packets are small integers, metadata lies outside the buffers, rings
// are re-armed and cleaned in blocks of 32, one transmit descriptor in 32 asks for a report. What a compiler makes of it,
// inlined into the caller's loop, is the floor that the TypeScript driver is measured against.
#pragma once
#include "ixgbe-ring.h"
#include "native-pool.h"

namespace bench {

class IxgbeNative {
 public:
  IxgbeNative(uint32_t ring_size, uint32_t packets, uint32_t batch)
      : mask_(ring_size - 1), batch_(batch), pool_(packets),
        ring_memory_(Allocate(2 * ring_size * sizeof(Descriptor))), burst_(batch), received_(ring_size), sent_(ring_size),
        rings_{reinterpret_cast<Descriptor*>(ring_memory_.get()),
               reinterpret_cast<Descriptor*>(ring_memory_.get()) + ring_size, ring_size},
        device_(rings_), empty_(ring_size), idle_(ring_size - 1) {
    Rearm();
  }

  void Complete(uint32_t count) {
    device_.Transmit(transmit_tail_.load());
    device_.Receive(count);
  }

  __attribute__((noinline)) void Drain(uint32_t count) {
    for (uint32_t done = 0; done < count;) {
      const uint32_t received = Receive(burst_.data(), batch_);
      for (uint32_t i = 0; i < received; i++) pool_.Data(burst_[i])[6]++;
      const uint32_t sent = Transmit(burst_.data(), received);
      pool_.Give(burst_.data() + sent, received - sent);
      done += received;
    }
  }

 private:
  static constexpr uint32_t kBlock = 32;
  static constexpr uint32_t kMinimumLength = 17;
  static constexpr uint32_t kMaximumLength = NativePool::kDataSize;

  static void Write(uint32_t* descriptor, uint64_t first, uint64_t second) {
    std::memcpy(descriptor, &first, sizeof first);
    std::memcpy(descriptor + 2, &second, sizeof second);
  }

  void Rearm() {
    const uint32_t before = receive_index_armed_;
    const uint32_t mask = mask_;
    uint32_t tail = before;
    for (; empty_ >= 2 * kBlock && pool_.top >= kBlock; empty_ -= kBlock) {
      pool_.Take(&received_[tail], kBlock);
      for (uint32_t i = tail; i < tail + kBlock; i++) {
        Write(rings_.receive[i], pool_.address[received_[i]], 0);
      }
      tail = (tail + kBlock) & mask;
    }
    if (tail == before) return;
    receive_index_armed_ = tail;
    Doorbell(receive_tail_, tail);
  }

  uint32_t Receive(uint32_t* packets, uint32_t limit) {
    const uint32_t mask = mask_;
    const uint32_t armed = mask + 1 - empty_;
    const uint32_t budget = limit < armed ? limit : armed;
    uint32_t index = receive_index_;
    uint32_t count = 0;
    uint32_t seen = 0;
    for (; seen < budget; seen++) {
      const uint32_t* descriptor = rings_.receive[index];
      const uint32_t status = ReadStatus(descriptor[2]);
      if (!(status & kDone)) break;
      const uint32_t packet = received_[index];
      const uint32_t length = descriptor[3] & 0xffff;
      index = (index + 1) & mask;
      if ((status & (kEndOfPacket | kReceiveErrors)) != kEndOfPacket || length - 1 >= kMaximumLength) {
        pool_.Give(&packet, 1);
        continue;
      }
      pool_.length[packet] = static_cast<uint16_t>(length);
      packets[count++] = packet;
    }
    receive_index_ = index;
    empty_ += seen;
    if (empty_ >= 2 * kBlock) Rearm();
    return count;
  }

  void Clean() {
    const uint32_t before = clean_index_;
    for (;;) {
      if (idle_ + kBlock > mask_) return;
      if (!(ReadStatus(rings_.transmit[clean_index_ + kBlock - 1][3]) & kDone)) return;
      pool_.Give(&sent_[clean_index_], kBlock);
      clean_index_ = (clean_index_ + kBlock) & mask_;
      idle_ += kBlock;
      if (clean_index_ == before) return;
    }
  }

  uint32_t Transmit(const uint32_t* packets, uint32_t count) {
    if (idle_ < count + kBlock) Clean();
    if (count > idle_) count = idle_;
    if (count == 0) return 0;
    const uint32_t mask = mask_;
    uint32_t index = transmit_index_;
    for (uint32_t i = 0; i < count; i++) {
      const uint32_t packet = packets[i];
      const uint64_t length = pool_.length[packet];
      if (length - kMinimumLength > kMaximumLength - kMinimumLength) std::abort();
      Write(rings_.transmit[index], pool_.address[packet], length << 46 | kTransmitCommand | length);
      sent_[index] = packet;
      index = (index + 1) & mask;
    }
    for (uint32_t i = transmit_index_ | (kBlock - 1); i < transmit_index_ + count; i += kBlock) {
      rings_.transmit[i & mask][2] |= kReportStatus;
    }
    transmit_index_ = index;
    idle_ -= count;
    Doorbell(transmit_tail_, index);
    return count;
  }

  uint32_t mask_;
  uint32_t batch_;
  NativePool pool_;
  Memory ring_memory_;
  std::vector<uint32_t> burst_;
  std::vector<uint32_t> received_;
  std::vector<uint32_t> sent_;
  Rings rings_;
  IxgbeDevice device_;
  uint32_t empty_;
  uint32_t idle_;
  uint32_t receive_index_ = 0;
  uint32_t receive_index_armed_ = 0;
  uint32_t transmit_index_ = 0;
  uint32_t clean_index_ = 0;
  std::atomic<uint32_t> receive_tail_{0};
  std::atomic<uint32_t> transmit_tail_{0};
};

} // namespace bench
