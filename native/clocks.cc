// Clocks that a loop reads at every round, without leaving garbage: the time goes to memory, not into a number object.
#include <time.h>

#include <memory>

#include "errors.h"
#include "instance.h"

namespace ixy {

/** What one function made by `clock` reads, and where it writes. The array is held as long as the function lives. */
struct Clock {
  clockid_t id;
  double* word;
  Napi::Reference<Napi::TypedArray> array;
};

/** Not by way of node-addon-api, whose call frame takes longer than reading the clock does. */
static napi_value ReadClock(napi_env env, napi_callback_info info) {
  void* data;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  const auto* clock = static_cast<Clock*>(data);
  timespec time;
  clock_gettime(clock->id, &time);
  *clock->word = static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  return nullptr;
}

static Napi::Value MakeClock(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Arguments arguments(info, "clock");
  const auto id = static_cast<clockid_t>(arguments.Integer(0, "id", 0, kMaxInt32));
  if (!arguments[1].IsTypedArray() || arguments[1].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
    throw arguments.WrongType("word must be a Float64Array");
  }
  void* word;
  size_t length;
  napi_value buffer;
  if (napi_get_typedarray_info(env, arguments[1], nullptr, &length, &word, &buffer, nullptr) != napi_ok) {
    throw Napi::Error::New(env);
  }
  // Shared memory cannot be detached, so the address stays good for as long as the array lives.
  if (Napi::Value(env, buffer).IsArrayBuffer()) throw arguments.WrongType("word must lie in a SharedArrayBuffer");
  if (length == 0) throw arguments.OutOfRange("word must have an element, found none");
  timespec time;
  if (clock_gettime(id, &time) != 0) throw SystemError(env, errno, "clock_gettime");

  auto clock = std::make_unique<Clock>();
  clock->id = id;
  clock->word = static_cast<double*>(word);
  clock->array = Napi::Reference<Napi::TypedArray>::New(arguments[1].As<Napi::TypedArray>(), 1);
  napi_value made;
  if (napi_create_function(env, "readClock", NAPI_AUTO_LENGTH, ReadClock, clock.get(), &made) != napi_ok) {
    throw Napi::Error::New(env);
  }
  auto function = Napi::Function(env, made);
  function.AddFinalizer([](Napi::Env, Clock* gone) { delete gone; }, clock.get());
  clock.release();
  return function;
}

void ExportClocks(Napi::Object exports) { Export(exports, "clock", MakeClock); }

}  // namespace ixy
