# Everything from outside, found once. Each library is linked by one folder of core/ only.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(zmq REQUIRED IMPORTED_TARGET libzmq>=4.3)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(crypto REQUIRED IMPORTED_TARGET libcrypto>=3.0)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3>=3.37)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)    # header-only: its exceptions stay in core/base/settings.cpp
find_path(KISSFFT_INCLUDE_DIR kissfft/kissfft.hh REQUIRED)    # the header alone: Debian compiles the C library for float only
find_path(NLOHMANN_JSON_INCLUDE_DIR nlohmann/json.hpp REQUIRED)

set(COLLEGIUM_TORCH_STATUS "not built")
if(COLLEGIUM_TORCH)
  find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
  find_package(PyTorch 2.11 REQUIRED)
  if(NOT pybind11_DIR)
    execute_process(COMMAND "${Python_EXECUTABLE}" -m pybind11 --cmakedir
      OUTPUT_VARIABLE pybind11_DIR OUTPUT_STRIP_TRAILING_WHITESPACE)
  endif()
  find_package(pybind11 3 CONFIG REQUIRED)
  set(COLLEGIUM_TORCH_STATUS "${PyTorch_VERSION} at ${PyTorch_ROOT}")
endif()
