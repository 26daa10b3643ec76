// An 82599 driver as it is usually written in C: each transmit descriptor asks for a report. The bursts are reached through
// the device's table of operations, and descriptors are volatile; the noinline marks stand for the former.
#pragma once
#include "classic-pool.h"
#include "ixgbe-ring.h"

namespace bench {

class IxgbeClassic {
 public:
  IxgbeClassic(uint32_t ring_size, uint32_t packets, uint32_t batch)
      : size_(ring_size), batch_(batch), pool_(packets), ring_memory_(Allocate(2 * ring_size * sizeof(Descriptor))),
        burst_(batch), received_(ring_size), sent_(ring_size),
        rings_{reinterpret_cast<Descriptor*>(ring_memory_.get()),
               reinterpret_cast<Descriptor*>(ring_memory_.get()) + ring_size, ring_size},
        device_(rings_) {
    for (uint32_t i = 0; i < ring_size; i++) Arm(i, pool_.AllocatePacket());
    receive_tail_.store(ring_size - 1);
  }

  void Complete(uint32_t count) {
    device_.Transmit(transmit_tail_.load());
    device_.Receive(count);
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
  static constexpr uint32_t kCleanBatch = 32;

  void Arm(uint32_t index, Packet* packet) {
    const uint64_t address = packet->address + offsetof(Packet, data);
    volatile uint32_t* descriptor = rings_.receive[index];
    descriptor[0] = static_cast<uint32_t>(address);
    descriptor[1] = static_cast<uint32_t>(address >> 32);
    descriptor[2] = descriptor[3] = 0;
    received_[index] = packet;
  }

  __attribute__((noinline)) uint32_t Receive(Packet** packets, uint32_t limit) {
    uint32_t index = receive_index_;
    uint32_t last = index;
    uint32_t count = 0;
    for (; count < limit; count++) {
      const volatile uint32_t* descriptor = rings_.receive[index];
      const uint32_t status = descriptor[2];
      if (!(status & kDone)) break;
      if (!(status & kEndOfPacket) || (status & kReceiveErrors)) std::abort();
      Packet* packet = received_[index];
      Packet* fresh = pool_.AllocatePacket();
      if (!fresh) break;
      packet->length = descriptor[3] & 0xffff;
      Arm(index, fresh);
      packets[count] = packet;
      last = index;
      index = (index + 1) & (size_ - 1);
    }
    if (count) {
      receive_index_ = index;
      Doorbell(receive_tail_, last);
    }
    return count;
  }

  void Clean() {
    for (;;) {
      const uint32_t used = (transmit_index_ - clean_index_) & (size_ - 1);
      if (used < kCleanBatch) return;
      const uint32_t last = (clean_index_ + kCleanBatch - 1) & (size_ - 1);
      if (!(ReadStatus(rings_.transmit[last][3]) & kDone)) return;
      for (uint32_t i = clean_index_;; i = (i + 1) & (size_ - 1)) {
        pool_.FreePacket(sent_[i]);
        if (i == last) break;
      }
      clean_index_ = (last + 1) & (size_ - 1);
    }
  }

  __attribute__((noinline)) uint32_t Transmit(Packet** packets, uint32_t count) {
    Clean();
    uint32_t index = transmit_index_;
    uint32_t sent = 0;
    for (; sent < count; sent++) {
      const uint32_t next = (index + 1) & (size_ - 1);
      if (next == clean_index_) break;
      Packet* packet = packets[sent];
      const uint64_t address = packet->address + offsetof(Packet, data);
      volatile uint32_t* descriptor = rings_.transmit[index];
      descriptor[0] = static_cast<uint32_t>(address);
      descriptor[1] = static_cast<uint32_t>(address >> 32);
      descriptor[2] = kTransmitCommand | kReportStatus | packet->length;
      descriptor[3] = packet->length << 14;
      sent_[index] = packet;
      index = next;
    }
    transmit_index_ = index;
    if (sent) Doorbell(transmit_tail_, index);
    return sent;
  }

  uint32_t size_;
  uint32_t batch_;
  ClassicPool pool_;
  Memory ring_memory_;
  std::vector<Packet*> burst_;
  std::vector<Packet*> received_;
  std::vector<Packet*> sent_;
  Rings rings_;
  IxgbeDevice device_;
  uint32_t receive_index_ = 0;
  uint32_t transmit_index_ = 0;
  uint32_t clean_index_ = 0;
  std::atomic<uint32_t> receive_tail_{0};
  std::atomic<uint32_t> transmit_tail_{0};
};

} // namespace bench
