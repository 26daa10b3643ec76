// The live memory mappings of one environment, by address. Used on its thread only.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>

namespace ixy {

class Mappings {
 public:
  /** Takes over a mapping; returns its serial number, which tells it from later ones at the same address. */
  uintptr_t Add(void* address, size_t length, bool joined) {
    live_[address] = {length, ++lastSerial_, joined, false};
    return lastSerial_;
  }

  bool IsLive(void* address) const { return live_.count(address) != 0; }

  /** Whether these bytes lie in a live mapping that was not joined of others. */
  bool IsOfOne(uint8_t* begin, size_t length) const {
    const auto after = live_.upper_bound(begin);
    if (after == live_.begin()) return false;
    const auto& [address, mapping] = *std::prev(after);
    return !mapping.joined && begin + length <= static_cast<uint8_t*>(address) + mapping.length;
  }

  /** Unmaps the live mapping at `address`. Returns false, with errno set, if the system refuses. */
  bool Unmap(void* address) {
    if (munmap(address, live_.at(address).length) != 0) return false;
    live_.erase(address);
    return true;
  }

  /** The ArrayBuffer over this mapping is gone. Unmaps it now or, with `keep`, at the next `ReleaseCollected`. */
  void Collected(void* address, uintptr_t serial, bool keep) {
    const auto found = live_.find(address);
    if (found == live_.end() || found->second.serial != serial) return;
    found->second.collected = true;
    if (!keep) Unmap(address);
  }

  void ReleaseCollected() {
    for (auto next = live_.begin(); next != live_.end();) {
      const auto mapping = next++;
      if (mapping->second.collected) Unmap(mapping->first);
    }
  }

  void ReleaseAll() {
    for (auto& entry : live_) entry.second.collected = true;
    ReleaseCollected();
  }

 private:
  struct Mapping {
    size_t length;
    uintptr_t serial;
    bool joined;
    bool collected;
  };

  std::map<void*, Mapping> live_;
  uintptr_t lastSerial_ = 0;
};

}  // namespace ixy
