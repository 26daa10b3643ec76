#include "errors.h"

#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

namespace ixy {

// strerrorname_np() would do, but glibc before 2.32 and musl lack it.
static const char* ErrorName(int error) {
#define NAME(name) \
  case name:       \
    return #name;
  switch (error) {
    NAME(EPERM) NAME(ENOENT) NAME(EINTR) NAME(EIO) NAME(ENXIO) NAME(E2BIG) NAME(EBADF) NAME(EAGAIN)
    NAME(ENOMEM) NAME(EACCES) NAME(EFAULT) NAME(EBUSY) NAME(EEXIST) NAME(EXDEV) NAME(ENODEV) NAME(ENOTDIR)
    NAME(EISDIR) NAME(EINVAL) NAME(ENFILE) NAME(EMFILE) NAME(ENOTTY) NAME(ETXTBSY) NAME(EFBIG) NAME(ENOSPC)
    NAME(ESPIPE) NAME(EROFS) NAME(EPIPE) NAME(ERANGE) NAME(EDEADLK) NAME(ENOLCK) NAME(ENOSYS) NAME(ELOOP)
    NAME(EOVERFLOW) NAME(EBADFD) NAME(ENOTSOCK) NAME(EDESTADDRREQ) NAME(EMSGSIZE) NAME(EPROTOTYPE)
    NAME(EOPNOTSUPP) NAME(EAFNOSUPPORT) NAME(EADDRINUSE) NAME(ENETDOWN) NAME(ENETUNREACH) NAME(ECONNRESET)
    NAME(ENOBUFS) NAME(EISCONN) NAME(ENOTCONN) NAME(ETIMEDOUT) NAME(ECONNREFUSED) NAME(EALREADY)
    NAME(ETOOMANYREFS) NAME(ECANCELED)
  }
#undef NAME
  return "UNKNOWN";
}

static std::string DescriptorPath(int descriptor) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = readlink(link.c_str(), path, sizeof path);
  return length < 0 ? std::string() : std::string(path, static_cast<size_t>(length));
}

Napi::Error SystemError(Napi::Env env, int error, const char* call, const std::string& path) {
  const char* name = ErrorName(error);
  std::string message = std::string(name) + ": " + strerror(error) + ", " + call;
  if (!path.empty()) message += " '" + path + "'";
  Napi::Error exception = Napi::Error::New(env, message);
  exception.Set("code", Napi::String::New(env, name));
  exception.Set("errno", Napi::Number::New(env, error));
  exception.Set("syscall", Napi::String::New(env, call));
  if (!path.empty()) exception.Set("path", Napi::String::New(env, path));
  return exception;
}

Napi::Error DescriptorError(Napi::Env env, int error, const char* call, int descriptor) {
  return SystemError(env, error, call, DescriptorPath(descriptor));
}

}  // namespace ixy
