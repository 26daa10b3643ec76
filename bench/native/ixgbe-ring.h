// Descriptor rings in memory, as an 82599 has them, and the stand-in for the device that completes them between timed
// sections. Both C++ baselines and the TypeScript driver run on these rings and are completed by this code.
#pragma once
#include <atomic>
#include <cstdint>

#include "memory.h"

namespace bench {

constexpr uint32_t kDone = 1;                  // DD, receive and transmit
constexpr uint32_t kEndOfPacket = 2;           // EOP in a receive write-back
constexpr uint32_t kReceiveErrors = 0xff000000;
constexpr uint32_t kReportStatus = 0x08000000; // RS in a transmit command
constexpr uint32_t kTransmitCommand = 0x20000000 | 0x02000000 | 0x01000000 | 0x00300000; // DEXT, IFCS, EOP, data

/// Four words: the advanced formats of the 82599 datasheet, 7.1.6 and 7.2.3.
using Descriptor = uint32_t[4];

/// Keeps stores to descriptors in front of the doorbell; costs nothing on x86.
inline void Doorbell(std::atomic<uint32_t>& tail, uint32_t value) { tail.store(value, std::memory_order_release); }

/// Status words change behind the compiler's back.
inline uint32_t ReadStatus(const uint32_t& word) { return *const_cast<const volatile uint32_t*>(&word); }

struct Rings {
  Descriptor* receive;
  Descriptor* transmit;
  uint32_t size;
};

/// What the device would have done by now.
class IxgbeDevice {
 public:
  explicit IxgbeDevice(Rings rings) : rings_(rings) {}

  /// `count` frames arrive in the descriptors that follow the last ones.
  void Receive(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
      uint32_t* descriptor = rings_.receive[receive_head_];
      descriptor[0] = descriptor[1] = 0;
      descriptor[3] = kFrameLength;
      descriptor[2] = kDone | kEndOfPacket;
      receive_head_ = (receive_head_ + 1) & (rings_.size - 1);
    }
  }

  /// Everything up to `tail` is on the wire; descriptors that asked for it report so.
  void Transmit(uint32_t tail) {
    for (; transmit_head_ != tail; transmit_head_ = (transmit_head_ + 1) & (rings_.size - 1)) {
      uint32_t* descriptor = rings_.transmit[transmit_head_];
      if (descriptor[2] & kReportStatus) descriptor[3] = kDone;
    }
  }

 private:
  Rings rings_;
  uint32_t receive_head_ = 0;
  uint32_t transmit_head_ = 0;
};

} // namespace bench
