// The addon: Linux system calls, typed and checked, and no policy. src/native/addon.ts documents each call.
#include <linux/memfd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "instance.h"

namespace ixy {

static Napi::Object Constants(Napi::Env env) {
  auto constants = Napi::Object::New(env);
#define CONSTANT(name) constants.Set(#name, static_cast<double>(name));
  CONSTANT(MAP_SHARED) CONSTANT(MAP_PRIVATE) CONSTANT(MAP_ANONYMOUS) CONSTANT(MAP_LOCKED) CONSTANT(MAP_POPULATE)
  CONSTANT(MFD_CLOEXEC) CONSTANT(MFD_HUGETLB) CONSTANT(MFD_HUGE_2MB) CONSTANT(MFD_HUGE_1GB)
  CONSTANT(EFD_CLOEXEC) CONSTANT(EFD_NONBLOCK)
  CONSTANT(EPOLL_CTL_ADD) CONSTANT(EPOLL_CTL_MOD) CONSTANT(EPOLL_CTL_DEL)
  CONSTANT(EPOLLIN) CONSTANT(EPOLLOUT) CONSTANT(EPOLLERR) CONSTANT(EPOLLHUP) CONSTANT(EPOLLET)
  CONSTANT(CLOCK_MONOTONIC) CONSTANT(CLOCK_THREAD_CPUTIME_ID)
  CONSTANT(SOCK_STREAM) CONSTANT(SOCK_SEQPACKET) CONSTANT(SOCK_NONBLOCK)
#undef CONSTANT
  constants.Set("PAGE_SIZE", static_cast<double>(sysconf(_SC_PAGESIZE)));
  constants.Freeze();
  return constants;
}

/** Armed writes first, while the memory they protect is still there; then the mappings, and what was mapped. */
static void EndEnvironment(Instance* instance) {
  CarryOutCleanupWrites(instance);
  instance->mappings.ReleaseAll();
  instance->descriptors.CloseAll();
}

static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  auto* instance = new Instance();
  env.SetInstanceData(instance);
  env.AddCleanupHook(EndEnvironment, instance);
  exports.Set("constants", Constants(env));
  ExportAffinity(exports);
  ExportCleanup(exports);
  ExportClocks(exports);
  ExportEvents(exports);
  ExportIo(exports);
  ExportMemory(exports);
  ExportMessages(exports);
  ExportWatches(exports);
  return exports;
}

NODE_API_MODULE(ixy, Initialize)

}  // namespace ixy
