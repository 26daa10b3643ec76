// System call failures as JavaScript exceptions.
#pragma once

#include <napi.h>

#include <string>

namespace ixy {

/** An Error shaped like Node's own: `code` ('EPERM'), `errno` (positive), `syscall` and, unless empty, `path`. */
Napi::Error SystemError(Napi::Env env, int error, const char* call, const std::string& path = {});

/** The same for a call on a descriptor: `path` says what the descriptor is open on. */
Napi::Error DescriptorError(Napi::Env env, int error, const char* call, int descriptor);

/** Repeats a system call for as long as signals interrupt it. */
template <typename Call>
auto RetryInterrupted(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

/** EAGAIN and EWOULDBLOCK are one number on Linux; both names mean: not now. */
inline bool WouldBlock(int error) { return error == EAGAIN; }

}  // namespace ixy
