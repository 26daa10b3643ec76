// Arguments of a call from JavaScript, each checked when it is fetched, so that no system call sees a wrong one.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace ixy {

constexpr int64_t kMaxInteger = (int64_t{1} << 53) - 1;
constexpr int64_t kMaxUint32 = std::numeric_limits<uint32_t>::max();
constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();
constexpr int64_t kMinInt32 = std::numeric_limits<int32_t>::min();

/** Bytes of a Uint8Array; valid until the call returns to JavaScript. */
struct Bytes {
  uint8_t* data;
  size_t length;
};

class Arguments {
 public:
  /** `call` begins every message. */
  Arguments(const Napi::CallbackInfo& info, const char* call) : info_(info), call_(call) {}

  Napi::Env Env() const { return info_.Env(); }
  const char* Call() const { return call_; }
  Napi::Value operator[](size_t index) const { return info_[index]; }

  /** An integer in `minimum … maximum`. Throws TypeError for what is no number, RangeError for any other number. */
  int64_t Integer(size_t index, const char* name, int64_t minimum, int64_t maximum) const {
    return CheckInteger(info_[index], name, minimum, maximum);
  }
  int Descriptor(size_t index, const char* name = "descriptor") const {
    return static_cast<int>(Integer(index, name, 0, kMaxInt32));
  }
  /** A Uint8Array of at least `minimum` bytes. */
  Bytes Uint8Array(size_t index, const char* name, size_t minimum = 0) const {
    return CheckBytes(info_[index], name, minimum);
  }
  /** An array of Uint8Arrays. */
  std::vector<Bytes> Uint8Arrays(size_t index, const char* name) const;
  /** A range (offset at `index`, length at `index + 1`) that lies within `bytes`. */
  Bytes Range(size_t index, const Bytes& bytes) const;
  /** An array of at most `maximumCount` integers in `0 … maximum`. */
  std::vector<int> Integers(size_t index, const char* name, size_t maximumCount, int64_t maximum) const;

  /** Errors to throw: "call: what". */
  Napi::TypeError WrongType(const std::string& what) const;
  Napi::RangeError OutOfRange(const std::string& what) const;

 private:
  int64_t CheckInteger(Napi::Value value, const char* name, int64_t minimum, int64_t maximum) const;
  Bytes CheckBytes(Napi::Value value, const char* name, size_t minimum) const;

  const Napi::CallbackInfo& info_;
  const char* call_;
};

}  // namespace ixy
