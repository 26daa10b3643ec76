// ioctl, read, write, flock, close.
#include <linux/ioctl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "errors.h"
#include "instance.h"

namespace ixy {

/** The largest argument that a request number can announce; some requests announce less than they take, or nothing. */
constexpr size_t kMaxAnnounced = _IOC_SIZEMASK;

/**
 * The kernel works on a copy with room behind it, not on the caller's bytes: a structure that turns out to be larger than
 * the caller believed must not overwrite the JavaScript heap.
 */
static int IoctlOnBytes(int descriptor, unsigned long request, const Bytes& bytes) {
  std::vector<uint8_t> copy(std::max(bytes.length, kMaxAnnounced));
  std::copy_n(bytes.data, bytes.length, copy.begin());
  const int result = RetryInterrupted([&] { return ioctl(descriptor, request, copy.data()); });
  const int error = errno;
  std::copy_n(copy.begin(), bytes.length, bytes.data);
  errno = error;
  return result;
}

static int IoctlOnInteger(const Arguments& arguments, int descriptor, unsigned long request) {
  const bool absent = arguments[2].IsUndefined();
  const unsigned long value = absent ? 0 : static_cast<unsigned long>(arguments.Integer(2, "argument", 0, kMaxUint32));
  if ((_IOC_DIR(request) & _IOC_READ) != 0) {
    throw arguments.WrongType("argument must be a Uint8Array: this request writes its result to memory");
  }
  return RetryInterrupted([&] { return ioctl(descriptor, request, value); });
}

static Napi::Value Ioctl(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "ioctl");
  const int descriptor = arguments.Descriptor(0);
  const auto request = static_cast<unsigned long>(arguments.Integer(1, "request", 0, kMaxUint32));
  int result;
  if (arguments[2].IsObject()) {
    const size_t announced = _IOC_DIR(request) == _IOC_NONE ? 0 : _IOC_SIZE(request);
    result = IoctlOnBytes(descriptor, request, arguments.Uint8Array(2, "argument", announced));
  } else {
    result = IoctlOnInteger(arguments, descriptor, request);
  }
  if (result == -1) throw DescriptorError(info.Env(), errno, "ioctl", descriptor);
  return Napi::Number::New(info.Env(), result);
}

/** read and write alike: (descriptor, buffer, offset, length) → bytes, or −1 where the call would block. */
template <typename Transfer>
static Napi::Value TransferBytes(const Napi::CallbackInfo& info, const char* call, Transfer transfer) {
  const Arguments arguments(info, call);
  const int descriptor = arguments.Descriptor(0);
  const Bytes range = arguments.Range(2, arguments.Uint8Array(1, "buffer"));
  const ssize_t count = RetryInterrupted([&] { return transfer(descriptor, range.data, range.length); });
  if (count == -1 && !WouldBlock(errno)) throw DescriptorError(info.Env(), errno, call, descriptor);
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

Napi::Value Read(const Napi::CallbackInfo& info) { return TransferBytes(info, "read", read); }

Napi::Value Write(const Napi::CallbackInfo& info) { return TransferBytes(info, "write", write); }

static Napi::Value TryLock(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "tryLock");
  const int descriptor = arguments.Descriptor(0);
  const int result = RetryInterrupted([&] { return flock(descriptor, LOCK_EX | LOCK_NB); });
  if (result == -1 && !WouldBlock(errno)) throw DescriptorError(info.Env(), errno, "flock", descriptor);
  return Napi::Boolean::New(info.Env(), result == 0);
}

static void Close(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "close");
  const int descriptor = arguments.Descriptor(0);
  Instance::Of(info.Env()).descriptors.Forget(descriptor);
  // Not repeated when interrupted: Linux has closed it by then.
  if (close(descriptor) == -1 && errno != EINTR) throw DescriptorError(info.Env(), errno, "close", descriptor);
}

void ExportIo(Napi::Object exports) {
  Export(exports, "ioctl", Ioctl);
  Export(exports, "read", Read);
  Export(exports, "write", Write);
  Export(exports, "tryLock", TryLock);
  Export(exports, "close", Close);
}

}  // namespace ixy
