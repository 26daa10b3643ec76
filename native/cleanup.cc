#include "cleanup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <mutex>

#include "descriptor.h"
#include "errors.h"
#include "instance.h"

namespace ixy {

struct CleanupWrite {
  const Instance* owner;
  int64_t token;
  OwnedDescriptor descriptor;
  off_t offset;
  std::vector<uint8_t> data;

  void CarryOut() const {
    // Nobody is left to hear of a failure, and the next write still deserves its chance.
    static_cast<void>(
        RetryInterrupted([this] { return pwrite(descriptor.Get(), data.data(), data.size(), offset); }));
  }
};

/**
 * The writes armed in this process, by whichever environment: the addon's only process-wide state. Workers end with an
 * environment cleanup hook, but process.exit() and an uncaught exception on the main thread run nothing but exit handlers,
 * such as this destructor.
 */
struct ArmedWrites {
  std::mutex mutex;
  std::list<CleanupWrite> writes;
  int64_t lastToken = 0;

  ~ArmedWrites() {
    for (const CleanupWrite& write : writes) write.CarryOut();
  }
};

static ArmedWrites armed;

bool CleanupWritesArmed(const Instance* owner) {
  const std::lock_guard<std::mutex> lock(armed.mutex);
  return std::any_of(armed.writes.begin(), armed.writes.end(), [&](const auto& write) { return write.owner == owner; });
}

void CarryOutCleanupWrites(const Instance* owner) {
  const std::lock_guard<std::mutex> lock(armed.mutex);
  armed.writes.remove_if([&](const CleanupWrite& write) {
    if (write.owner != owner) return false;
    write.CarryOut();
    return true;
  });
}

static Napi::Value ArmCleanupWrite(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "armCleanupWrite");
  const int descriptor = arguments.Descriptor(0);
  const int64_t offset = arguments.Integer(1, "offset", 0, kMaxInteger);
  const Bytes data = arguments.Uint8Array(2, "data", 1);
  OwnedDescriptor duplicate(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (duplicate.Get() < 0) throw DescriptorError(info.Env(), errno, "fcntl", descriptor);
  const std::lock_guard<std::mutex> lock(armed.mutex);
  armed.writes.push_back({&Instance::Of(info.Env()), ++armed.lastToken, std::move(duplicate), offset,
                          std::vector<uint8_t>(data.data, data.data + data.length)});
  return Napi::Number::New(info.Env(), static_cast<double>(armed.lastToken));
}

static bool Disarm(const Instance* owner, int64_t token) {
  const std::lock_guard<std::mutex> lock(armed.mutex);
  const size_t before = armed.writes.size();
  armed.writes.remove_if([&](const auto& write) { return write.owner == owner && write.token == token; });
  return armed.writes.size() < before;
}

static void DisarmCleanupWrite(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "disarmCleanupWrite");
  const int64_t token = arguments.Integer(0, "token", 1, kMaxInteger);
  Instance& instance = Instance::Of(info.Env());
  if (!Disarm(&instance, token)) throw arguments.OutOfRange("token " + std::to_string(token) + " is not armed");
  if (!CleanupWritesArmed(&instance)) instance.mappings.ReleaseCollected();
}

void ExportCleanup(Napi::Object exports) {
  Export(exports, "armCleanupWrite", ArmCleanupWrite);
  Export(exports, "disarmCleanupWrite", DisarmCleanupWrite);
}

}  // namespace ixy
