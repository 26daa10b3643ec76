// watch, unwatch, keepWatchAlive: descriptors in Node's event loop, through libuv's uv_poll.
#include "watches.h"

#include <fcntl.h>
#include <uv.h>

#include <memory>

#include "descriptor.h"
#include "errors.h"
#include "instance.h"

namespace ixy {

struct Watch {
  uv_poll_t poll;
  /** A duplicate: closing the original must not pull the descriptor from under libuv. */
  OwnedDescriptor descriptor;
  Napi::FunctionReference callback;
  /** The environment waits for it to be removed, so that libuv gets its turn to let go. */
  napi_async_cleanup_hook_handle hook = nullptr;
};

/** Only now may the memory go. The environment may have ended but for this hook, so nothing of it is touched. */
static void OnClosed(uv_handle_t* handle) {
  const std::unique_ptr<Watch> watch(static_cast<Watch*>(handle->data));
  napi_remove_async_cleanup_hook(watch->hook);
}

static void Stop(Watch* watch) {
  auto* handle = reinterpret_cast<uv_handle_t*>(&watch->poll);
  if (uv_is_closing(handle) != 0) return;
  watch->callback.Reset();
  uv_close(handle, OnClosed);
}

static void OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* watch) { Stop(static_cast<Watch*>(watch)); }

/** Calls back. An error on the descriptor is a reason too: whoever reads it will see. */
static void OnReady(uv_poll_t* poll, int, int) {
  const auto* watch = static_cast<const Watch*>(poll->data);
  const Napi::Env env = watch->callback.Env();
  const Napi::HandleScope scope(env);
  napi_value result;
  const napi_status status =
      napi_make_callback(env, nullptr, env.Global(), watch->callback.Value(), 0, nullptr, &result);
  if (status != napi_pending_exception || !env.IsExceptionPending()) return;
  // As from any other callback of the event loop: 'uncaughtException'.
  napi_fatal_exception(env, env.GetAndClearPendingException().Value());
}

static void Begin(Napi::Env env, Watch* watch) {
  uv_loop_t* loop;
  napi_get_uv_event_loop(env, &loop);
  const int failure = uv_poll_init(loop, &watch->poll, watch->descriptor.Get());
  if (failure != 0) throw DescriptorError(env, -failure, "uv_poll_init", watch->descriptor.Get());
  watch->poll.data = watch;
  uv_unref(reinterpret_cast<uv_handle_t*>(&watch->poll));
  uv_poll_start(&watch->poll, UV_READABLE, OnReady);
}

static Napi::Value AddWatch(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "watch");
  const int descriptor = arguments.Descriptor(0);
  if (!info[1].IsFunction()) throw arguments.WrongType("callback must be a function");
  OwnedDescriptor duplicate(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (duplicate.Get() < 0) throw DescriptorError(info.Env(), errno, "fcntl", descriptor);
  auto watch = std::unique_ptr<Watch>(
      new Watch{{}, std::move(duplicate), Napi::Persistent(info[1].As<Napi::Function>())});
  Begin(info.Env(), watch.get());
  napi_add_async_cleanup_hook(info.Env(), OnEnvironmentEnd, watch.get(), &watch->hook);
  Watches& watches = Instance::Of(info.Env()).watches;
  watches.live[++watches.lastToken] = watch.release();  // libuv's now, until OnClosed
  return Napi::Number::New(info.Env(), static_cast<double>(watches.lastToken));
}

static Watch* Find(const Arguments& arguments, int64_t token) {
  const auto& live = Instance::Of(arguments.Env()).watches.live;
  const auto found = live.find(token);
  if (found == live.end()) throw arguments.OutOfRange("token " + std::to_string(token) + " is not watched");
  return found->second;
}

static void RemoveWatch(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "unwatch");
  const int64_t token = arguments.Integer(0, "token", 1, kMaxInteger);
  Stop(Find(arguments, token));
  Instance::Of(info.Env()).watches.live.erase(token);
}

static void KeepWatchAlive(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "keepWatchAlive");
  auto* handle = reinterpret_cast<uv_handle_t*>(&Find(arguments, arguments.Integer(0, "token", 1, kMaxInteger))->poll);
  if (!info[1].IsBoolean()) throw arguments.WrongType("enabled must be a boolean");
  if (info[1].As<Napi::Boolean>().Value()) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
}

void ExportWatches(Napi::Object exports) {
  Export(exports, "watch", AddWatch);
  Export(exports, "unwatch", RemoveWatch);
  Export(exports, "keepWatchAlive", KeepWatchAlive);
}

}  // namespace ixy
