// Which CPUs the calling thread runs on.
#include <sched.h>

#include "errors.h"
#include "instance.h"

namespace ixy {

static void SetAffinity(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "setAffinity");
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : arguments.Integers(0, "cpus", CPU_SETSIZE, CPU_SETSIZE - 1)) CPU_SET(cpu, &set);
  // Zero means the calling thread, not the process.
  if (sched_setaffinity(0, sizeof set, &set) != 0) throw SystemError(info.Env(), errno, "sched_setaffinity");
}

static Napi::Value GetAffinity(const Napi::CallbackInfo& info) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) throw SystemError(info.Env(), errno, "sched_getaffinity");
  auto cpus = Napi::Array::New(info.Env());
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (CPU_ISSET(cpu, &set)) cpus.Set(cpus.Length(), cpu);
  }
  return cpus;
}

void ExportAffinity(Napi::Object exports) {
  Export(exports, "setAffinity", SetAffinity);
  Export(exports, "getAffinity", GetAffinity);
}

}  // namespace ixy
