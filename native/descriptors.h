// The descriptors that one environment made and has not closed. Used on its thread only.
#pragma once

#include <unistd.h>

#include <set>

namespace ixy {

class Descriptors {
 public:
  void Add(int descriptor) { open_.insert(descriptor); }

  /** It is about to be closed: its number may be somebody else's from then on. */
  void Forget(int descriptor) { open_.erase(descriptor); }

  void CloseAll() {
    for (const int descriptor : open_) close(descriptor);
    open_.clear();
  }

 private:
  std::set<int> open_;
};

}  // namespace ixy
