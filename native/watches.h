// Descriptors that the event loop of one environment watches.
#pragma once

#include <cstdint>
#include <map>

namespace ixy {

struct Watch;

/** By token. Each lives until libuv has let go of it, which is later than it leaves this table. */
struct Watches {
  std::map<int64_t, Watch*> live;
  int64_t lastToken = 0;
};

}  // namespace ixy
