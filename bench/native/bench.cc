// The benchmark's addon: the two C++ baselines, the completion step for the TypeScript driver's rings, and one clock
// that times all three in the same way.
#include <napi.h>
#include <x86intrin.h>

#include <chrono>
#include <memory>

#include "classic.h"
#include "native.h"

namespace {

uint64_t Ticks() {
  unsigned processor;
  return __rdtscp(&processor);
}

/// Time-stamp counter ticks in a nanosecond, measured over 20 ms.
double TicksPerNanosecond() {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const uint64_t first = Ticks();
  while (Clock::now() - start < std::chrono::milliseconds(20)) {}
  const uint64_t ticks = Ticks() - first;
  const std::chrono::duration<double, std::nano> elapsed = Clock::now() - start;
  return static_cast<double>(ticks) / elapsed.count();
}

template <typename Contestant>
class Baseline : public Napi::ObjectWrap<Baseline<Contestant>> {
 public:
  static Napi::Function Define(Napi::Env env, const char* name) {
    return Baseline::DefineClass(env, name, {Baseline::InstanceMethod("drain", &Baseline::Drain)});
  }

  explicit Baseline(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Baseline>(info) {
    const auto number = [&info](size_t i) { return info[i].As<Napi::Number>().Uint32Value(); };
    contestant_ = std::make_unique<Contestant>(number(0), number(1), number(2));
  }

 private:
  /// drain(packets): completes the rings, then times the loop; returns ticks.
  Napi::Value Drain(const Napi::CallbackInfo& info) {
    const uint32_t packets = info[0].As<Napi::Number>().Uint32Value();
    contestant_->Complete(packets);
    const uint64_t start = Ticks();
    contestant_->Drain(packets);
    return Napi::Number::New(info.Env(), static_cast<double>(Ticks() - start));
  }

  std::unique_ptr<Contestant> contestant_;
};

/// new Completion(receiveRing, transmitRing, size): the device's side of rings that belong to JavaScript.
class Completion : public Napi::ObjectWrap<Completion> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Completion", {InstanceMethod("time", &Completion::Time)});
  }

  explicit Completion(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Completion>(info) {
    const auto ring = [&info](size_t i) {
      return reinterpret_cast<bench::Descriptor*>(info[i].As<Napi::Int32Array>().Data());
    };
    receive_ = Napi::Persistent(info[0].As<Napi::Object>());
    transmit_ = Napi::Persistent(info[1].As<Napi::Object>());
    device_ = std::make_unique<bench::Device>(
        bench::Rings{ring(0), ring(1), info[2].As<Napi::Number>().Uint32Value()});
  }

 private:
  /// time(packets, transmitTail, loop): completes the rings, then times loop(packets); returns ticks.
  Napi::Value Time(const Napi::CallbackInfo& info) {
    device_->Transmit(info[1].As<Napi::Number>().Uint32Value());
    device_->Receive(info[0].As<Napi::Number>().Uint32Value());
    const napi_env env = info.Env();
    const napi_value loop = info[2];
    const napi_value argument = info[0];
    napi_value result;
    const uint64_t start = Ticks();
    const napi_status status = napi_call_function(env, info.This(), loop, 1, &argument, &result);
    const uint64_t ticks = Ticks() - start;
    if (status != napi_ok) return info.Env().Undefined();
    return Napi::Number::New(env, static_cast<double>(ticks));
  }

  Napi::ObjectReference receive_;
  Napi::ObjectReference transmit_;
  std::unique_ptr<bench::Device> device_;
};

/// allocate(bytes): the same memory as the baselines have, for JavaScript.
Napi::Value Allocate(const Napi::CallbackInfo& info) {
  const size_t bytes = info[0].As<Napi::Number>().Uint32Value();
  uint8_t* memory = bench::Allocate(bytes).release();
  return Napi::ArrayBuffer::New(info.Env(), memory, bytes, [](Napi::Env, void* data) { std::free(data); });
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("ticksPerNanosecond", Napi::Number::New(env, TicksPerNanosecond()));
  exports.Set("Classic", Baseline<bench::Classic>::Define(env, "Classic"));
  exports.Set("Native", Baseline<bench::Native>::Define(env, "Native"));
  exports.Set("allocate", Napi::Function::New(env, Allocate, "allocate"));
  exports.Set("Completion", Completion::Define(env));
  return exports;
}

} // namespace

NODE_API_MODULE(ixy_bench, Initialize)
