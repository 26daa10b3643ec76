// mmap, munmap, joinMappings, addressOf, memfdCreate.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "errors.h"
#include "instance.h"

namespace ixy {

constexpr int kMapFlags = MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE;

/**
 * Runs once per ArrayBuffer: when it is collected, some time after it was detached, or as the environment ends. While a
 * cleanup write is armed a device may still be doing DMA into the memory, so that collection must not free it; and an
 * ending environment runs finalizers before cleanup hooks, that is before the write which stops the device.
 */
static void Finalize(napi_env env, void* address, void* serial) {
  // Node keeps the environment's instance data until the last finalizer has run.
  Instance& instance = Instance::Of(env);
  const bool keep = CleanupWritesArmed(&instance);
  instance.mappings.Collected(address, reinterpret_cast<uintptr_t>(serial), keep);
}

/** The ArrayBuffer over a fresh mapping, which it takes over. */
static Napi::Value Wrap(Napi::Env env, void* address, size_t length, bool joined = false) {
  Mappings& mappings = Instance::Of(env).mappings;
  const uintptr_t serial = mappings.Add(address, length, joined);
  napi_value result;
  const napi_status status =
      napi_create_external_arraybuffer(env, address, length, Finalize, reinterpret_cast<void*>(serial), &result);
  if (status == napi_ok) return Napi::Value(env, result);
  // Node may have run the finalizer (if it refused the length), or not; the serial number makes both right.
  mappings.Collected(address, serial, false);
  if (status == napi_no_external_buffers_allowed) {
    throw Napi::Error::New(env,
                           "mmap: this runtime allows no ArrayBuffer over memory that the system mapped (V8's memory "
                           "cage); run ixy.ts on plain Node.js");
  }
  throw Napi::Error::New(env);
}

/** A store beyond the end of a file would kill the process with SIGBUS. */
static void CheckWithinFile(const Arguments& arguments, int descriptor, int64_t offset, int64_t length) {
  struct stat file;
  if (fstat(descriptor, &file) != 0) throw DescriptorError(arguments.Env(), errno, "fstat", descriptor);
  if (!S_ISREG(file.st_mode) || (offset <= file.st_size && length <= file.st_size - offset)) return;
  throw arguments.OutOfRange(std::to_string(length) + " bytes from offset " + std::to_string(offset) +
                             " do not lie within the file's " + std::to_string(file.st_size));
}

static Napi::Value Mmap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "mmap");
  const int descriptor = static_cast<int>(arguments.Integer(0, "descriptor", -1, kMaxInt32));
  const int64_t length = arguments.Integer(1, "length", 1, kMaxInteger);
  const int64_t offset = arguments.Integer(2, "offset", 0, kMaxInteger);
  const int flags = static_cast<int>(arguments.Integer(3, "flags", 0, kMaxInt32));
  if ((flags & ~kMapFlags) != 0) throw arguments.OutOfRange("flags must be made of the MAP_ constants of the addon");
  if ((flags & MAP_ANONYMOUS) == 0) CheckWithinFile(arguments, descriptor, offset, length);
  // Always readable and writable: JavaScript knows no read-only ArrayBuffer, a store would kill the process.
  void* address = mmap(nullptr, static_cast<size_t>(length), PROT_READ | PROT_WRITE, flags, descriptor, offset);
  if (address == MAP_FAILED) throw DescriptorError(info.Env(), errno, "mmap", descriptor);
  return Wrap(info.Env(), address, static_cast<size_t>(length));
}

static void Munmap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "munmap");
  if (!info[0].IsArrayBuffer()) throw arguments.WrongType("mapping must be an ArrayBuffer");
  auto buffer = info[0].As<Napi::ArrayBuffer>();
  void* address = buffer.Data();
  Mappings& mappings = Instance::Of(info.Env()).mappings;
  if (!mappings.IsLive(address)) {
    throw arguments.WrongType("mapping must be an ArrayBuffer that mmap returned and that was not unmapped since");
  }
  // Detached first: there must be no moment at which JavaScript could reach memory that is gone.
  buffer.Detach();
  if (!mappings.Unmap(address)) throw SystemError(info.Env(), errno, "munmap");
}

/** Whole pages, of one mapping each: where a joined one changes over to the next, mremap would go on in the same file. */
static std::vector<Bytes> PiecesToJoin(const Arguments& arguments) {
  const std::vector<Bytes> pieces = arguments.Uint8Arrays(0, "pieces");
  if (pieces.empty()) throw arguments.OutOfRange("there must be a piece");
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const Mappings& mappings = Instance::Of(arguments.Env()).mappings;
  for (const auto& [data, length] : pieces) {
    if (length == 0 || (reinterpret_cast<uintptr_t>(data) | length) % page != 0) {
      throw arguments.OutOfRange("each piece must be whole pages, of " + std::to_string(page) + " bytes");
    }
    if (!mappings.IsOfOne(data, length)) throw arguments.WrongType("each piece must lie in memory that mmap returned");
  }
  return pieces;
}

static Napi::Value JoinMappings(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "joinMappings");
  const std::vector<Bytes> pieces = PiecesToJoin(arguments);
  size_t length = 0;
  for (const Bytes& piece : pieces) length += piece.length;
  void* address = mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) throw SystemError(info.Env(), errno, "mmap");
  auto* target = static_cast<uint8_t*>(address);
  for (const Bytes& piece : pieces) {
    // With an old length of 0 the pages stay where they are, and are mapped again: anywhere, for this may be refused.
    void* copy = mremap(piece.data, 0, piece.length, MREMAP_MAYMOVE);
    if (copy == MAP_FAILED) {
      const int error = errno;
      munmap(address, length);
      throw SystemError(info.Env(), error, "mremap");
    }
    void* moved = mremap(copy, piece.length, piece.length, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    if (moved == MAP_FAILED) {
      const int error = errno;
      munmap(copy, piece.length);
      // The process may have too many mappings by now (vm.max_map_count): then the target is still reserved. But a kernel
      // without memory may have emptied it first, and another thread have got it, so that this part alone stays as it is.
      uint8_t* behind = target + piece.length;
      munmap(address, target - static_cast<uint8_t*>(address));
      munmap(behind, static_cast<uint8_t*>(address) + length - behind);
      throw SystemError(info.Env(), error, "mremap");
    }
    target += piece.length;
  }
  return Wrap(info.Env(), address, length, true);
}

static Napi::Value AddressOf(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "addressOf");
  const Bytes bytes = arguments.Uint8Array(0, "bytes", 1);
  return Napi::Number::New(info.Env(), static_cast<double>(reinterpret_cast<uintptr_t>(bytes.data)));
}

static Napi::Value MemfdCreate(const Napi::CallbackInfo& info) {
  const Arguments arguments(info, "memfdCreate");
  if (!arguments[0].IsString()) throw arguments.WrongType("name must be a string");
  const std::string name = arguments[0].As<Napi::String>().Utf8Value();
  const auto flags = static_cast<unsigned>(arguments.Integer(1, "flags", 0, kMaxUint32));
  const int descriptor = memfd_create(name.c_str(), flags);
  if (descriptor < 0) throw SystemError(info.Env(), errno, "memfd_create", name);
  return MadeDescriptor(info.Env(), descriptor);
}

void ExportMemory(Napi::Object exports) {
  Export(exports, "mmap", Mmap);
  Export(exports, "munmap", Munmap);
  Export(exports, "joinMappings", JoinMappings);
  Export(exports, "addressOf", AddressOf);
  Export(exports, "memfdCreate", MemfdCreate);
}

}  // namespace ixy
