// eventfd and epoll.
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>

#include "errors.h"
#include "instance.h"

namespace ixy {

/** Events fetched by one epoll_wait; what is left over comes with the next. */
constexpr size_t kMaxEvents = 256;

static Napi::Value EventFd(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "eventfd");
  const auto initial = static_cast<unsigned>(arguments.Integer(0, "initial", 0, kMaxUint32));
  const auto flags = static_cast<int>(arguments.Integer(1, "flags", 0, kMaxInt32));
  const int descriptor = eventfd(initial, flags);
  if (descriptor < 0) throw SystemError(info.Env(), errno, "eventfd");
  return MadeDescriptor(info.Env(), descriptor);
}

static Napi::Value EpollCreate(const Napi::CallbackInfo& info) {
  const int descriptor = epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) throw SystemError(info.Env(), errno, "epoll_create1");
  return MadeDescriptor(info.Env(), descriptor);
}

static void EpollControl(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "epollControl");
  const int epoll = arguments.Descriptor(0, "epoll");
  const auto operation = static_cast<int>(arguments.Integer(1, "operation", EPOLL_CTL_ADD, EPOLL_CTL_MOD));
  const int descriptor = arguments.Descriptor(2);
  epoll_event event = {};
  // JavaScript's `|` makes a negative number of a mask with EPOLLET, bit 31.
  event.events = static_cast<uint32_t>(arguments.Integer(3, "events", kMinInt32, kMaxUint32));
  event.data.fd = descriptor;
  if (epoll_ctl(epoll, operation, descriptor, &event) != 0) {
    throw DescriptorError(info.Env(), errno, "epoll_ctl", descriptor);
  }
}

static Napi::Value EpollWait(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "epollWait");
  const int epoll = arguments.Descriptor(0, "epoll");
  if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    throw arguments.WrongType("ready must be an Int32Array");
  }
  auto ready = info[1].As<Napi::Int32Array>();
  if (ready.ElementLength() < 2) throw arguments.OutOfRange("ready must have room for at least one pair");
  const auto timeout = static_cast<int>(arguments.Integer(2, "timeoutMilliseconds", -1, kMaxInt32));

  std::array<epoll_event, kMaxEvents> events;
  const size_t room = std::min(ready.ElementLength() / 2, events.size());
  const int count = epoll_wait(epoll, events.data(), static_cast<int>(room), timeout);
  if (count == -1 && errno != EINTR) throw DescriptorError(info.Env(), errno, "epoll_wait", epoll);
  int32_t* pair = ready.Data();
  for (int i = 0; i < count; i++) {
    *pair++ = events[i].data.fd;
    *pair++ = static_cast<int32_t>(events[i].events);
  }
  return Napi::Number::New(info.Env(), std::max(count, 0));
}

void ExportEvents(Napi::Object exports) {
  Export(exports, "eventfd", EventFd);
  Export(exports, "epollCreate", EpollCreate);
  Export(exports, "epollControl", EpollControl);
  Export(exports, "epollWait", EpollWait);
}

}  // namespace ixy
