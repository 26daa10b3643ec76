// The benchmark's addon: the two C++ baselines, the completion step for the TypeScript driver's rings, and one clock
// that times all three in the same way.
#include <napi.h>
#include <x86intrin.h>

#include <chrono>
#include <memory>

#include "ixgbe-classic.h"
#include "ixgbe-native.h"
#include "virtio-classic.h"
#include "virtio-native.h"

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

/// A stand-in for the device, over rings that belong to JavaScript. Subclasses say which.
template <typename Self>
class Completion : public Napi::ObjectWrap<Self> {
 public:
  static Napi::Function Define(Napi::Env env, const char* name) {
    return Self::DefineClass(env, name, {Self::InstanceMethod("time", &Completion::Time)});
  }

  explicit Completion(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Self>(info) {
    receive_ = Napi::Persistent(info[0].As<Napi::Object>());
    transmit_ = Napi::Persistent(info[1].As<Napi::Object>());
  }

 private:
  /// time(packets, transmitTail, loop): completes the rings, then times loop(packets); returns ticks.
  Napi::Value Time(const Napi::CallbackInfo& info) {
    static_cast<Self*>(this)->Complete(info[0].As<Napi::Number>().Uint32Value(),
                                       info[1].As<Napi::Number>().Uint32Value());
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
};

/// Where an Int32Array's elements lie.
template <typename T>
T* Elements(const Napi::Value& value) {
  return reinterpret_cast<T*>(value.As<Napi::Int32Array>().Data());
}

/// new IxgbeCompletion(receiveRing, transmitRing, size)
class IxgbeCompletion : public Completion<IxgbeCompletion> {
 public:
  explicit IxgbeCompletion(const Napi::CallbackInfo& info)
      : Completion(info), device_({Elements<bench::Descriptor>(info[0]), Elements<bench::Descriptor>(info[1]),
                                   info[2].As<Napi::Number>().Uint32Value()}) {}

  void Complete(uint32_t packets, uint32_t transmit_tail) {
    device_.Transmit(transmit_tail);
    device_.Receive(packets);
  }

 private:
  bench::IxgbeDevice device_;
};

/// new …Completion(receiveQueue, transmitQueue, size): queues as laid out in virtio-rings.h. The tail is of no use here.
template <typename Queue, typename Device>
class VirtioCompletion : public Completion<VirtioCompletion<Queue, Device>> {
 public:
  explicit VirtioCompletion(const Napi::CallbackInfo& info)
      : Completion<VirtioCompletion>(info), receive_(QueueAt(info[0], info[2])), transmit_(QueueAt(info[1], info[2])) {}

  void Complete(uint32_t packets, uint32_t) {
    transmit_.Use(UINT32_MAX, 0);
    receive_.Use(packets, bench::kFrameLength + bench::kNetHeader);
  }

 private:
  static Queue QueueAt(const Napi::Value& memory, const Napi::Value& size) {
    return Queue::At(Elements<uint8_t>(memory), size.As<Napi::Number>().Uint32Value());
  }

  Device receive_;
  Device transmit_;
};

using SplitCompletion = VirtioCompletion<bench::SplitQueue, bench::SplitDevice>;
using PackedCompletion = VirtioCompletion<bench::PackedQueue, bench::PackedDevice>;

/// allocate(bytes): the same memory as the baselines have, for JavaScript.
Napi::Value Allocate(const Napi::CallbackInfo& info) {
  const size_t bytes = info[0].As<Napi::Number>().Uint32Value();
  uint8_t* memory = bench::Allocate(bytes).release();
  return Napi::ArrayBuffer::New(info.Env(), memory, bytes, [](Napi::Env, void* data) { std::free(data); });
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("ticksPerNanosecond", Napi::Number::New(env, TicksPerNanosecond()));
  exports.Set("IxgbeClassic", Baseline<bench::IxgbeClassic>::Define(env, "IxgbeClassic"));
  exports.Set("IxgbeNative", Baseline<bench::IxgbeNative>::Define(env, "IxgbeNative"));
  exports.Set("SplitClassic", Baseline<bench::VirtioClassic<bench::ClassicSplitQueue>>::Define(env, "SplitClassic"));
  exports.Set("SplitNative", Baseline<bench::VirtioNative<bench::NativeSplit>>::Define(env, "SplitNative"));
  exports.Set("PackedClassic", Baseline<bench::VirtioClassic<bench::ClassicPackedQueue>>::Define(env, "PackedClassic"));
  exports.Set("PackedNative", Baseline<bench::VirtioNative<bench::NativePacked>>::Define(env, "PackedNative"));
  exports.Set("allocate", Napi::Function::New(env, Allocate, "allocate"));
  exports.Set("IxgbeCompletion", IxgbeCompletion::Define(env, "IxgbeCompletion"));
  exports.Set("SplitCompletion", SplitCompletion::Define(env, "SplitCompletion"));
  exports.Set("PackedCompletion", PackedCompletion::Define(env, "PackedCompletion"));
  return exports;
}

} // namespace

NODE_API_MODULE(ixy_bench, Initialize)
