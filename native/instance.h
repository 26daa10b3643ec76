// What one environment (the main thread, or a worker) holds of the addon.
#pragma once

#include <napi.h>

#include "arguments.h"
#include "descriptors.h"
#include "mappings.h"
#include "watches.h"

namespace ixy {

struct Instance {
  Descriptors descriptors;
  Mappings mappings;
  Watches watches;

  static Instance& Of(Napi::Env env) { return *env.GetInstanceData<Instance>(); }
};

void ExportAffinity(Napi::Object exports);
void ExportCleanup(Napi::Object exports);
void ExportClocks(Napi::Object exports);
void ExportEvents(Napi::Object exports);
void ExportIo(Napi::Object exports);
void ExportMemory(Napi::Object exports);
void ExportMessages(Napi::Object exports);
void ExportWatches(Napi::Object exports);

/** The number of a descriptor that was made for the caller, who closes it with `close`, or whose environment's end does. */
inline Napi::Value MadeDescriptor(Napi::Env env, int descriptor) {
  Instance::Of(env).descriptors.Add(descriptor);
  return Napi::Number::New(env, descriptor);
}

template <typename Function>
void Export(Napi::Object exports, const char* name, Function function) {
  exports.Set(name, Napi::Function::New(exports.Env(), function, name));
}

}  // namespace ixy
