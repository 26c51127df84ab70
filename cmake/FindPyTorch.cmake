# The PyTorch that the found Python interpreter would import, without importing it and without a CUDA toolkit.
#
#   PyTorch::cpu      libc10 and libtorch_cpu with their headers: for libraries
#   PyTorch::torch    the same, and libtorch kept as a dependency so that the CUDA backend registers: for executables
#   PyTorch::python   the same, and libtorch_python: for the Python module
#   PyTorch_VERSION, PyTorch_ROOT, PyTorch_LIBRARY_DIR
#
# torch's own TorchConfig.cmake is not used: it needs a CUDA toolkit to configure a plain C++ target, appends flags to
# every CUDA target and defines no target for libtorch_python.
if(NOT PyTorch_ROOT)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c
      "from importlib.util import find_spec; s = find_spec('torch'); print(s.submodule_search_locations[0] if s else '', end='')"
    OUTPUT_VARIABLE _pytorch_root)
  set(PyTorch_ROOT "${_pytorch_root}" CACHE PATH "Folder of the installed torch package")
endif()
set(PyTorch_LIBRARY_DIR "${PyTorch_ROOT}/lib")
if(EXISTS "${PyTorch_ROOT}/version.py")
  file(STRINGS "${PyTorch_ROOT}/version.py" _pytorch_version REGEX "^__version__")
  string(REGEX MATCH "[0-9]+\\.[0-9]+(\\.[0-9]+)?" PyTorch_VERSION "${_pytorch_version}")
endif()
find_path(PyTorch_INCLUDE_DIR ATen/core/Tensor.h PATHS "${PyTorch_ROOT}/include" NO_DEFAULT_PATH)
foreach(_name c10 torch_cpu torch torch_python)
  find_library(PyTorch_${_name}_LIBRARY ${_name} PATHS "${PyTorch_LIBRARY_DIR}" NO_DEFAULT_PATH)
  mark_as_advanced(PyTorch_${_name}_LIBRARY)
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(PyTorch
  REQUIRED_VARS PyTorch_ROOT PyTorch_INCLUDE_DIR PyTorch_c10_LIBRARY PyTorch_torch_cpu_LIBRARY PyTorch_torch_python_LIBRARY
  VERSION_VAR PyTorch_VERSION)

if(PyTorch_FOUND AND NOT TARGET PyTorch::cpu)
  foreach(_target c10 cpu python)
    add_library(PyTorch::${_target} SHARED IMPORTED)
  endforeach()
  set_target_properties(PyTorch::c10 PROPERTIES IMPORTED_LOCATION "${PyTorch_c10_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${PyTorch_INCLUDE_DIR};${PyTorch_INCLUDE_DIR}/torch/csrc/api/include")
  set_target_properties(PyTorch::cpu PROPERTIES IMPORTED_LOCATION "${PyTorch_torch_cpu_LIBRARY}"
    INTERFACE_LINK_LIBRARIES PyTorch::c10)
  set_target_properties(PyTorch::python PROPERTIES IMPORTED_LOCATION "${PyTorch_torch_python_LIBRARY}"
    INTERFACE_LINK_LIBRARIES PyTorch::cpu)
  add_library(PyTorch::torch INTERFACE IMPORTED)
  target_link_libraries(PyTorch::torch INTERFACE
    "-Wl,--push-state,--no-as-needed" "${PyTorch_torch_LIBRARY}" "-Wl,--pop-state" PyTorch::cpu)
endif()
