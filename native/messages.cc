// Unix sockets, and messages that carry descriptors.
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "descriptor.h"
#include "errors.h"
#include "instance.h"

namespace ixy {

/** The kernel's limit for one message (SCM_MAX_FD). */
constexpr size_t kMaxDescriptors = 253;

/** Room for one control message with that many descriptors, aligned as its header must be. */
union ControlBuffer {
  cmsghdr header;
  std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> bytes;
};

static Napi::Value SocketPair(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "socketPair");
  const auto type = static_cast<int>(arguments.Integer(0, "type", 0, kMaxInt32));
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) throw SystemError(info.Env(), errno, "socketpair");
  auto pair = Napi::Array::New(info.Env(), 2);
  pair.Set(uint32_t{0}, ends[0]);
  pair.Set(uint32_t{1}, ends[1]);
  return pair;
}

/** A socket file's path, with the room for its zero. */
static std::string SocketPath(const Arguments& arguments) {
  if (!arguments[0].IsString()) throw arguments.WrongType("path must be a string");
  std::string path = arguments[0].As<Napi::String>().Utf8Value();
  if (!path.empty() && path.size() < sizeof sockaddr_un{}.sun_path && path.find('\0') == std::string::npos) return path;
  throw arguments.OutOfRange("path must have 1 to 107 bytes, none of them 0");
}

static sockaddr_un SocketAddress(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.data(), path.size());
  return address;
}

/** A new stream socket after `step` (bind, connect) has taken it to the file at `path`. */
template <typename Step>
static OwnedDescriptor SocketAt(Napi::Env env, const std::string& path, int flags, const char* call, Step step) {
  OwnedDescriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (made.Get() < 0) throw SystemError(env, errno, "socket");
  const sockaddr_un address = SocketAddress(path);
  const auto generic = reinterpret_cast<const sockaddr*>(&address);
  if (RetryInterrupted([&] { return step(made.Get(), generic, sizeof address); }) != 0) {
    throw SystemError(env, errno, call, path);
  }
  return made;
}

static Napi::Value Listen(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "listen");
  const std::string path = SocketPath(arguments);
  const auto backlog = static_cast<int>(arguments.Integer(1, "backlog", 1, kMaxInt32));
  OwnedDescriptor made = SocketAt(info.Env(), path, SOCK_NONBLOCK, "bind", bind);
  if (listen(made.Get(), backlog) != 0) throw SystemError(info.Env(), errno, "listen", path);
  return MadeDescriptor(info.Env(), made.Release());
}

static Napi::Value Accept(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "accept");
  const int descriptor = arguments.Descriptor(0);
  const int made =
      RetryInterrupted([&] { return accept4(descriptor, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); });
  if (made == -1 && !WouldBlock(errno)) throw DescriptorError(info.Env(), errno, "accept", descriptor);
  return made == -1 ? Napi::Number::New(info.Env(), -1) : MadeDescriptor(info.Env(), made);
}

static Napi::Value Connect(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "connect");
  return MadeDescriptor(info.Env(), SocketAt(info.Env(), SocketPath(arguments), 0, "connect", connect).Release());
}

static Napi::Value SendMessage(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "sendmsg");
  const int descriptor = arguments.Descriptor(0);
  // An empty message would carry no descriptors on a stream, and look like the end on the other side.
  const Bytes data = arguments.Uint8Array(1, "data", 1);
  const std::vector<int> descriptors = arguments.Integers(2, "descriptors", kMaxDescriptors, kMaxInt32);

  iovec part = {data.data, data.length};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ControlBuffer control = {};
  if (!descriptors.empty()) {
    const size_t size = descriptors.size() * sizeof(int);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(&control.header), descriptors.data(), size);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(size);
  }
  const ssize_t sent = RetryInterrupted([&] { return sendmsg(descriptor, &message, MSG_NOSIGNAL); });
  if (sent == -1 && !WouldBlock(errno)) throw DescriptorError(info.Env(), errno, "sendmsg", descriptor);
  return Napi::Number::New(info.Env(), static_cast<double>(sent));
}

/** The descriptors that came with a message; closed unless they are released. */
static std::vector<OwnedDescriptor> ReceivedDescriptors(msghdr& message) {
  std::vector<OwnedDescriptor> received;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
      received.emplace_back(descriptor);
    }
  }
  return received;
}

static Napi::Value ReceiveMessage(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "recvmsg");
  const Napi::Env env = info.Env();
  const int descriptor = arguments.Descriptor(0);
  const Bytes data = arguments.Uint8Array(1, "data", 1);
  const auto maximum = static_cast<size_t>(arguments.Integer(2, "maximumDescriptors", 0, kMaxDescriptors));

  iovec part = {data.data, data.length};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ControlBuffer control = {};
  if (maximum > 0) {
    message.msg_control = &control;
    // CMSG_SPACE would round up, and an odd maximum would let one descriptor more slip in.
    message.msg_controllen = CMSG_LEN(maximum * sizeof(int));
  }
  const ssize_t length = RetryInterrupted([&] { return recvmsg(descriptor, &message, MSG_CMSG_CLOEXEC); });
  if (length == -1 && !WouldBlock(errno)) throw DescriptorError(env, errno, "recvmsg", descriptor);

  std::vector<OwnedDescriptor> received;
  if (length != -1) received = ReceivedDescriptors(message);
  auto numbers = Napi::Array::New(env, received.size());
  for (uint32_t i = 0; i < received.size(); i++) numbers.Set(i, received[i].Get());
  auto result = Napi::Object::New(env);
  result.Set("length", static_cast<double>(length));
  result.Set("descriptors", numbers);
  result.Set("truncated", length != -1 && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0);
  // Only now, when nothing can throw any more, do they belong to the caller.
  for (OwnedDescriptor& taken : received) taken.Release();
  return result;
}

void ExportMessages(Napi::Object exports) {
  Export(exports, "socketPair", SocketPair);
  Export(exports, "listen", Listen);
  Export(exports, "accept", Accept);
  Export(exports, "connect", Connect);
  Export(exports, "sendmsg", SendMessage);
  Export(exports, "recvmsg", ReceiveMessage);
}

}  // namespace ixy
