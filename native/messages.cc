// Unix socket pairs, and messages that carry descriptors.
#include <sys/socket.h>

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
  Export(exports, "sendmsg", SendMessage);
  Export(exports, "recvmsg", ReceiveMessage);
}

}  // namespace ixy
