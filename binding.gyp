# What `npm install` builds. For development, with warnings as errors and with sanitizers, see CMakeLists.txt: there a new
# compiler's new warning fails our build; here it would fail somebody's installation.
{
  "targets": [
    {
      "target_name": "ixy",
      "sources": ["<!@(ls native/*.cc)"],
      "dependencies": ["<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags": ["-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
    }
  ]
}
