#include "arguments.h"

#include <cmath>

namespace ixy {

int64_t Arguments::CheckInteger(Napi::Value value, const char* name, int64_t minimum, int64_t maximum) const {
  if (!value.IsNumber()) throw WrongType(std::string(name) + " must be a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  // Every bound here is below 2^53, so it is exact as a double; a NaN fails each comparison.
  if (std::trunc(number) == number && number >= static_cast<double>(minimum) &&
      number <= static_cast<double>(maximum)) {
    return static_cast<int64_t>(number);
  }
  throw OutOfRange(std::string(name) + " must be an integer from " + std::to_string(minimum) + " to " +
                   std::to_string(maximum) + ", found " + value.ToString().Utf8Value());
}

Bytes Arguments::CheckBytes(Napi::Value value, const char* name, size_t minimum) const {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw WrongType(std::string(name) + " must be a Uint8Array");
  }
  auto array = value.As<Napi::Uint8Array>();
  if (array.ByteLength() < minimum) {
    throw OutOfRange(std::string(name) + " must have at least " + std::to_string(minimum) + " bytes, found " +
                     std::to_string(array.ByteLength()));
  }
  return {array.Data(), array.ByteLength()};
}

Bytes Arguments::Range(size_t index, const Bytes& bytes) const {
  const int64_t offset = Integer(index, "offset", 0, static_cast<int64_t>(bytes.length));
  const int64_t length = Integer(index + 1, "length", 0, static_cast<int64_t>(bytes.length) - offset);
  return {bytes.data + offset, static_cast<size_t>(length)};
}

std::vector<Bytes> Arguments::Uint8Arrays(size_t index, const char* name) const {
  if (!info_[index].IsArray()) throw WrongType(std::string(name) + " must be an array of Uint8Arrays");
  const auto array = info_[index].As<Napi::Array>();
  // Grows with what was checked: an array may be as good as empty, and yet have a length that nobody has memory for.
  std::vector<Bytes> result;
  for (uint32_t i = 0; i < array.Length(); i++) result.push_back(CheckBytes(array.Get(i), name, 0));
  return result;
}

std::vector<int> Arguments::Integers(size_t index, const char* name, size_t maximumCount, int64_t maximum) const {
  if (!info_[index].IsArray()) throw WrongType(std::string(name) + " must be an array of integers");
  const auto array = info_[index].As<Napi::Array>();
  const uint32_t count = array.Length();
  if (count > maximumCount) {
    throw OutOfRange(std::string(name) + " must have at most " + std::to_string(maximumCount) + " elements, found " +
                     std::to_string(count));
  }
  std::vector<int> result(count);
  for (uint32_t i = 0; i < count; i++) {
    result[i] = static_cast<int>(CheckInteger(array.Get(i), name, 0, maximum));
  }
  return result;
}

Napi::TypeError Arguments::WrongType(const std::string& what) const {
  return Napi::TypeError::New(info_.Env(), std::string(call_) + ": " + what);
}

Napi::RangeError Arguments::OutOfRange(const std::string& what) const {
  return Napi::RangeError::New(info_.Env(), std::string(call_) + ": " + what);
}

}  // namespace ixy
