# For the browser: libdxdw.so as a WebAssembly side module, which Pyodide's ctypes loads.
#
# Emscripten is not needed, and no package index has it. What makes a side module is Clang's code for a
# movable place in memory and wasm-ld's -shared; both are in Zig, which `pip install ziglang` brings
# for every system, with WASI's headers. These are musl's, as Emscripten's own are, and the functions
# that they declare come from Pyodide when it loads the module.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)

find_program(zig NAMES python-zig zig REQUIRED)
set(CMAKE_CXX_COMPILER ${zig} c++)
set(CMAKE_CXX_COMPILER_TARGET wasm32-wasi)
# What Chromium, Firefox and Safari have had since 2023. Not relaxed_simd: Safari refuses a module with
# it, and its multiply-add gives other bits from machine to machine.
set(CMAKE_CXX_FLAGS_INIT "-mcpu=generic+simd128+bulk_memory+sign_ext+nontrapping_fptoint")
# CMake would find out the same by linking programs: a minute, for Zig first compiles a C++ library.
set(CMAKE_CXX_COMPILER_FORCED TRUE)
set(CMAKE_CXX_COMPILER_ID_RUN TRUE)
set(CMAKE_CXX_COMPILER_ID Clang)
set(CMAKE_CXX_COMPILER_FRONTEND_VARIANT GNU)
set(CMAKE_CXX_COMPILER_VERSION 20)

set(CMAKE_CXX_CREATE_SHARED_LIBRARY
    "\"${zig}\" wasm-ld -shared --experimental-pic --import-undefined --strip-all -o <TARGET> <OBJECTS>")
